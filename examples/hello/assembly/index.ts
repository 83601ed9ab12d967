import { body, env, log, respond } from './cgi';

/** Answers every request with the names of its replica and of the node that runs it. */
export function _start(): void {
  const path = env('PATH_INFO');
  log(env('REQUEST_METHOD') + ' ' + path);
  if (path == '/echo') return respond(200, 'text/plain; charset=utf-8', body());
  if (path == '/' || path == '/hello') {
    return respond(200, 'application/json', '{"hello":"world","node":"' + env('HYPERMESH_NODE') + '","replica":"' + env('HYPERMESH_REPLICA') + '"}\n');
  }
  respond(404, 'text/plain; charset=utf-8', 'nothing here\n');
}
