import { strict as assert } from 'node:assert';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { bytes, bytesUpTo, type Codec, decode, encode, equalBytes, hashLabelled, HASH_BYTES, oneOf, struct, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';

/** `genesis`: the hardware as first detected; `description`, `verdict`: what the node told the mesh and what was agreed of it. */
export type ProvenanceKind = 'genesis' | 'description' | 'verdict';

export interface ProvenanceEntry {
  readonly index: number;
  /** Hash of the entry before; the node id for the first. */
  readonly previous: Uint8Array;
  readonly kind: ProvenanceKind;
  /** Wall clock of the node, milliseconds since the epoch. */
  readonly time: number;
  readonly body: Uint8Array;
}

/** A node's own history: append-only, each entry bound to the one before. */
export interface ProvenanceChain {
  readonly length: number;
  /** Hash of the last entry; the node id while empty. */
  readonly head: Uint8Array;
  /** Durable when it resolves. One call at a time. */
  append(kind: ProvenanceKind, body: Uint8Array, time: number): Promise<void>;
  /** From disk, for whoever wants to verify it. */
  read(): Promise<readonly ProvenanceEntry[]>;
  close(): Promise<void>;
}

// A description of a node with its assets is below 8 KiB.
export const PROVENANCE_BODY_BYTES_MAX: number = 32 * 1024;

const ENTRY_BYTES_MAX: number = PROVENANCE_BODY_BYTES_MAX + 256;
const LENGTH_BYTES = 4;

export const provenanceEntryCodec: Codec<ProvenanceEntry> = struct({
  index: uint(),
  previous: bytes(HASH_BYTES),
  kind: oneOf('genesis', 'description', 'verdict'),
  time: uint(),
  body: bytesUpTo(PROVENANCE_BODY_BYTES_MAX),
});

export function provenanceHash(entry: ProvenanceEntry): Uint8Array {
  return hashLabelled('hypermesh/provenance/1', encode(provenanceEntryCodec, entry));
}

/** Anybody's check of anybody's chain, from the node id to the head. Throws `hypermesh.provenance_corrupt`. */
export function verifyChain(node: Uint8Array, entries: readonly ProvenanceEntry[]): Uint8Array {
  let head = node;
  entries.forEach((entry, index) => {
    const follows = entry.index === index && equalBytes(entry.previous, head) && (entry.kind === 'genesis') === (index === 0);
    if (!follows) throw hypermeshError('hypermesh.provenance_corrupt', { index });
    head = provenanceHash(entry);
  });
  return head;
}

/** Opens the chain, or begins one; a last entry that was not written whole is cut off. Throws `hypermesh.provenance_corrupt`. */
export async function openProvenance(path: string, node: Uint8Array): Promise<ProvenanceChain> {
  const file = await open(path, 'a+', 0o600);
  try {
    const { entries, length } = parse(await file.readFile());
    await file.truncate(length);
    return new ProvenanceFile(file, path, entries.length, verifyChain(node, entries));
  } catch (error) {
    await file.close();
    throw error;
  }
}

function parse(data: Uint8Array): { readonly entries: ProvenanceEntry[]; readonly length: number } {
  const entries: ProvenanceEntry[] = [];
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  let at = 0;
  while (at + LENGTH_BYTES <= data.length) {
    const length = view.getUint32(at);
    // A file that grew before its bytes were written ends in zeroes.
    if (length === 0 && data.subarray(at).every((byte) => byte === 0)) break;
    if (length === 0 || length > ENTRY_BYTES_MAX) throw hypermeshError('hypermesh.provenance_corrupt', { index: entries.length });
    const end = at + LENGTH_BYTES + length;
    if (end > data.length) break;
    entries.push(entryOf(data.subarray(at + LENGTH_BYTES, end), entries.length));
    at = end;
  }
  return { entries, length: at };
}

function entryOf(encoded: Uint8Array, index: number): ProvenanceEntry {
  try {
    return decode(provenanceEntryCodec, encoded);
  } catch (cause) {
    throw hypermeshError('hypermesh.provenance_corrupt', { index }, { cause });
  }
}

class ProvenanceFile implements ProvenanceChain {
  readonly #file: FileHandle;
  readonly #path: string;
  #length: number;
  #head: Uint8Array;

  constructor(file: FileHandle, path: string, length: number, head: Uint8Array) {
    this.#file = file;
    this.#path = path;
    this.#length = length;
    this.#head = head;
  }

  get length(): number {
    return this.#length;
  }

  get head(): Uint8Array {
    return this.#head;
  }

  async append(kind: ProvenanceKind, body: Uint8Array, time: number): Promise<void> {
    assert((kind === 'genesis') === (this.#length === 0), 'a chain begins with its genesis and has one');
    const entry = { index: this.#length, previous: this.#head, kind, time, body };
    const encoded = encode(provenanceEntryCodec, entry);
    const record = new Uint8Array(LENGTH_BYTES + encoded.length);
    new DataView(record.buffer).setUint32(0, encoded.length);
    record.set(encoded, LENGTH_BYTES);
    await this.#file.appendFile(record);
    await this.#file.datasync();
    this.#length += 1;
    this.#head = provenanceHash(entry);
  }

  async read(): Promise<readonly ProvenanceEntry[]> {
    return parse(await readFile(this.#path)).entries;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
