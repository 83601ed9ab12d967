const KIB = 1024;
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `64 MiB`; at most one digit after the point. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= KIB && unit < BINARY.length - 1) {
    value /= KIB;
    unit += 1;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${BINARY[unit]}`;
}

/** Universal time to the second. */
export function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/u, 'Z');
}

/** Enough of an id for people to tell two apart. */
export function shortId(id: string): string {
  const at = id.indexOf(':');
  return id.slice(0, at + 1 + 12);
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}
