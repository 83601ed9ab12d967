// What an AssemblyScript program throws is a line on standard error before it traps: compiled along with every program, under a
// name that shadows what a package has there. The function is not exported: `--use` finds it by its internal name.
export const ABORT_FILE = '~hypermesh/abort.ts';
export const ABORT_FUNCTION = '~hypermesh/abort/abort';
export const ABORT_SOURCE: string = `
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, vectors: usize, count: i32, written: usize): i32;

function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const reason = message === null || message.length == 0 ? "abort" : "abort: " + message.substring(0, 1000);
  const place = file === null ? "" : " at " + file + ":" + line.toString() + ":" + column.toString();
  const bytes = String.UTF8.encode(reason + place + "\\n");
  const vector = new StaticArray<u32>(3);
  const at = changetype<usize>(vector);
  vector[0] = changetype<u32>(bytes);
  vector[1] = bytes.byteLength;
  fd_write(2, at, 1, at + 8);
  unreachable();
}
`;
