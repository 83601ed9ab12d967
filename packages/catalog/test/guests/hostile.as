// One guest that tries, by path, what a guest must not manage to do.
import { body, env, log, respond } from "./cgi";

@external("wasi_snapshot_preview1", "path_open")
declare function path_open(fd: i32, flags: i32, path: usize, length: i32, open: i32, base: u64, inheriting: u64, fdflags: i32, out: usize): i32;
@external("wasi_snapshot_preview1", "sock_send")
declare function sock_send(fd: i32, vectors: usize, count: i32, flags: i32, sent: usize): i32;
@external("wasi_snapshot_preview1", "fd_write")
declare function raw_write(fd: i32, vectors: usize, count: i32, written: usize): i32;
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: i32): void;
@external("wasi_snapshot_preview1", "random_get")
declare function random_get(at: usize, length: i32): i32;
@external("wasi_snapshot_preview1", "clock_time_get")
declare function clock_time_get(id: i32, precision: u64, at: usize): i32;
@external("wasi_snapshot_preview1", "fd_fdstat_get")
declare function fd_fdstat_get(fd: i32, at: usize): i32;

function deep(n: i32): i32 {
  return n <= 0 ? 0 : 1 + deep(n - 1);
}

function text(content: string): void {
  respond(200, "text/plain", content);
}

export function _start(): void {
  const path = env("PATH_INFO");
  if (path == "/spin") while (true) {}
  if (path == "/grow") {
    while (memory.grow(1) >= 0) {}
    unreachable();
  }
  if (path == "/open") {
    const name = String.UTF8.encode("/etc/passwd");
    return text(path_open(3, 0, changetype<usize>(name), name.byteLength, 0, 2, 2, 0, 4).toString());
  }
  if (path == "/socket") return text(sock_send(3, 0, 0, 0, 4).toString());
  if (path == "/env") return text(env("PATH") + "|" + env("HOME") + "|" + env("GRANTED") + "|" + env("QUERY_STRING"));
  if (path == "/deep") return text(deep(1000).toString());
  if (path == "/deeper") return text(deep(100000).toString());
  if (path == "/exit") proc_exit(3);
  if (path == "/silent") return;
  if (path == "/fault") return text(raw_write(1, 0xfffffff0, 1, 4).toString());
  if (path == "/flood") {
    const piece = "x".repeat(65536);
    for (let i = 0; i < 200; i++) text(piece);
    return;
  }
  if (path == "/vectors") return text(raw_write(1, 0, 2000, 4).toString());
  if (path == "/badfd") return text(raw_write(7, 0, 0, 4).toString() + fd_fdstat_get(9, 8).toString());
  if (path == "/random") {
    const at = changetype<usize>(new ArrayBuffer(16));
    random_get(at, 16);
    const once = load<u64>(at);
    random_get(at, 16);
    return text((once != load<u64>(at)).toString() + random_get(at, 100000).toString());
  }
  if (path == "/clock") {
    const at = changetype<usize>(new ArrayBuffer(8));
    return text(clock_time_get(0, 0, at).toString() + (load<u64>(at) > 1600000000000000000).toString() + clock_time_get(9, 0, at).toString());
  }
  log("body of " + body().length.toString());
  text("ok");
}
