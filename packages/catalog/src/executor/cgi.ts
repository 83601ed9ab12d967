import type { WorkloadRequest, WorkloadResponse } from '@hypermesh/mesh';

// As common HTTP servers bound it.
export const HEADERS_MAX: number = 100;
export const HEADER_BYTES_MAX: number = 16 * 1024;

/**
 * CGI/1.1 meta-variables of a request (RFC 3875, section 4.1) and the variables that the app was granted. No header of a
 * request can stand for one of either.
 */
export function cgiEnvironment(request: WorkloadRequest, granted: Readonly<Record<string, string>>): string[] {
  const [path = '/', ...query] = request.path.split('?');
  const variables: Record<string, string> = {
    ...headerVariables(request.headers),
    ...granted,
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REQUEST_METHOD: request.method,
    SCRIPT_NAME: '',
    PATH_INFO: path,
    QUERY_STRING: query.join('?'),
    CONTENT_LENGTH: String(request.body.length),
  };
  const type = request.headers['content-type'];
  if (type !== undefined) variables.CONTENT_TYPE = type;
  return Object.entries(variables).map(([name, value]) => `${name}=${value.replaceAll('\0', '')}`);
}

function headerVariables(headers: WorkloadRequest['headers']): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    // `Proxy:` would become HTTP_PROXY, which guests take for configuration (CVE-2016-5385).
    if (/^[a-z0-9-]+$/u.test(name) && name !== 'proxy') variables[`HTTP_${name.toUpperCase().replaceAll('-', '_')}`] = value;
  }
  return variables;
}

/** The answer of a guest: headers, an empty line, the body (RFC 3875, section 6); undefined when it is not one. */
export function parseCgiResponse(output: Uint8Array): WorkloadResponse | undefined {
  const text = Buffer.from(output.buffer, output.byteOffset, Math.min(output.length, HEADER_BYTES_MAX)).toString('latin1');
  const end = /\r?\n\r?\n/u.exec(text);
  if (end === null) return undefined;
  const headers: Record<string, string> = {};
  let status = 200;
  const lines = text.slice(0, end.index).split(/\r?\n/u);
  if (lines.length > HEADERS_MAX) return undefined;
  for (const line of lines) {
    const match = /^([A-Za-z0-9-]+):[ \t]*([^\r\n]*)$/u.exec(line);
    if (match === null) return undefined;
    const name = (match[1] as string).toLowerCase();
    const value = match[2] as string;
    if (name === 'status') status = Number.parseInt(value, 10);
    else headers[name] = value;
  }
  if (!(status >= 200 && status <= 599)) return undefined;
  return { status, headers, body: output.subarray(end.index + end[0].length) };
}
