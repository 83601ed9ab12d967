import { env, respond } from "./cgi";

@external("wasi_snapshot_preview1", "clock_time_get")
declare function clock_time_get(id: i32, precision: u64, at: usize): i32;

/** Answers with who it is and when it was there. */
export function _start(): void {
  const at = changetype<usize>(new ArrayBuffer(8));
  clock_time_get(0, 0, at);
  const milliseconds = load<u64>(at) / 1000000;
  const who = '"node":"' + env("HYPERMESH_NODE") + '","replica":"' + env("HYPERMESH_REPLICA") + '"';
  respond(200, "application/json", "{" + who + ',"at":' + milliseconds.toString() + "}\n");
}
