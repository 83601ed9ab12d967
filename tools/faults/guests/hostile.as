// Tries, by path, what a guest must not manage to do.
import { env, respond } from "./cgi";

@external("wasi_snapshot_preview1", "path_open")
declare function path_open(fd: i32, flags: i32, path: usize, length: i32, open: i32, base: u64, inheriting: u64, fdflags: i32, out: usize): i32;
@external("wasi_snapshot_preview1", "sock_send")
declare function sock_send(fd: i32, vectors: usize, count: i32, flags: i32, sent: usize): i32;

function text(content: string): void {
  respond(200, "text/plain", content);
}

export function _start(): void {
  const path = env("PATH_INFO");
  if (path == "/loop") while (true) {}
  if (path == "/memory") {
    while (memory.grow(1) >= 0) {}
    unreachable();
  }
  if (path == "/file") {
    const name = String.UTF8.encode("/etc/passwd");
    return text(path_open(3, 0, changetype<usize>(name), name.byteLength, 0, 2, 2, 0, 4).toString());
  }
  if (path == "/socket") return text(sock_send(3, 0, 0, 0, 4).toString());
  if (path == "/environment") return text(env("PATH") + "|" + env("HOME") + "|" + env("GRANTED"));
  text("ok");
}
