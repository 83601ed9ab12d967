// RFC 4648, section 5.
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const BITS_PER_CHAR = 6;
const ASCII_CHARS = 128;

const values = new Uint8Array(ASCII_CHARS);
for (let value = 0; value < ALPHABET.length; value++) values[ALPHABET.charCodeAt(value)] = value;

/** Paths of the tree are hashes as `blake3Text` gives them. Bit `depth` of one, the highest bit of the first byte being bit 0. */
export function pathBit(path: string, depth: number): number {
  const char = Math.floor(depth / BITS_PER_CHAR);
  return (valueAt(path, char) >> (BITS_PER_CHAR - 1 - (depth % BITS_PER_CHAR))) & 1;
}

/** In the order of the bytes, which is not that of the characters. */
export function comparePaths(a: string, b: string): number {
  for (let char = 0; char < a.length; char++) {
    const order = valueAt(a, char) - valueAt(b, char);
    if (order !== 0) return order;
  }
  return 0;
}

export function sharesPrefix(a: string, b: string, bits: number): boolean {
  for (let depth = 0; depth < bits; depth++) if (pathBit(a, depth) !== pathBit(b, depth)) return false;
  return true;
}

function valueAt(path: string, char: number): number {
  return values[path.charCodeAt(char)] as number;
}
