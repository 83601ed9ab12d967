// A CGI program over WASI preview 1: meta-variables in the environment, the body on standard input, the answer on standard output.
@external("wasi_snapshot_preview1", "environ_sizes_get")
declare function environ_sizes_get(count: usize, bytes: usize): i32;
@external("wasi_snapshot_preview1", "environ_get")
declare function environ_get(pointers: usize, buffer: usize): i32;
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: i32, vectors: usize, count: i32, read: usize): i32;
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, vectors: usize, count: i32, written: usize): i32;

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const CHUNK = 65536;

/** The value of an environment variable; empty when it is not set. */
export function env(name: string): string {
  const sizes = new StaticArray<u32>(2);
  const at = changetype<usize>(sizes);
  environ_sizes_get(at, at + 4);
  const pointers = new StaticArray<u32>(sizes[0]);
  const buffer = new ArrayBuffer(sizes[1]);
  environ_get(changetype<usize>(pointers), changetype<usize>(buffer));
  for (let i: u32 = 0; i < sizes[0]; i++) {
    const rest = sizes[1] - (pointers[i] - changetype<u32>(buffer));
    const entry = String.UTF8.decodeUnsafe(pointers[i], rest, true);
    if (entry.startsWith(name + "=")) return entry.substring(name.length + 1);
  }
  return "";
}

/** The whole request body as text. */
export function body(): string {
  let text = "";
  const chunk = new ArrayBuffer(CHUNK);
  const vector = new StaticArray<u32>(3);
  vector[0] = changetype<u32>(chunk);
  vector[1] = CHUNK;
  const at = changetype<usize>(vector);
  while (fd_read(STDIN, at, 1, at + 8) == 0 && vector[2] > 0) {
    text += String.UTF8.decodeUnsafe(changetype<usize>(chunk), vector[2]);
  }
  return text;
}

function write(fd: i32, text: string): void {
  const bytes = String.UTF8.encode(text);
  const vector = new StaticArray<u32>(3);
  vector[0] = changetype<u32>(bytes);
  vector[1] = bytes.byteLength;
  const at = changetype<usize>(vector);
  fd_write(fd, at, 1, at + 8);
}

/** Writes a line to the log of the app. */
export function log(line: string): void {
  write(STDERR, line + "\n");
}

/** Answers the request. */
export function respond(status: i32, contentType: string, content: string): void {
  write(STDOUT, "Status: " + status.toString() + "\r\nContent-Type: " + contentType + "\r\n\r\n" + content);
}
