import { type Codec, withEncoding } from '@hypermesh/stoq';
import type { StateWriter } from '@hypermesh/mesh/machine';

const decoder = new TextDecoder();

/** State keys of this machine: an ASCII prefix, then the parts that make it unique. */
export function textKey(prefix: string, name = ''): Uint8Array {
  return Buffer.from(`${prefix}/${name}`);
}

export function textOfKey(prefix: string, key: Uint8Array): string {
  return decoder.decode(key).slice(prefix.length + 1);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** Sixteen hex digits, so that text order is numeric order. */
export function sortable(value: number): string {
  return value.toString(16).padStart(16, '0');
}

/** Sets the key to the encoded object, without memory of its own for the encoding: the state takes its copy. */
export function store<T>(state: StateWriter, key: Uint8Array, codec: Codec<T>, object: T): void {
  withEncoding(codec, object, (encoded) => state.set(key, encoded));
}
