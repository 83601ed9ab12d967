import { createCipheriv } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { bytes, type Codec, encode, hashLabelled, struct } from '@hypermesh/stoq';
import { MerkleTree } from './merkle.ts';

// Small parameters: 4 MiB a node. They show possession as far as remaking the file costs more than keeping it.
export const CHUNK_COUNT: number = 64;
export const CHUNK_BYTES: number = 64 * 1024;
export const PLOT_BYTES: number = CHUNK_COUNT * CHUNK_BYTES;

// Each round is one chained encryption over the whole file, so that no chunk can be made without all the others; together they
// take about a tenth of a second of one core.
const ROUNDS = 16;

const IV_BYTES = 16;

const seedCodec: Codec<{ readonly meshId: Uint8Array; readonly node: Uint8Array }> = struct({ meshId: bytes(32), node: bytes(32) });

/**
 * The data that only this node has to keep: AES-256-CBC over the whole file, again and again, each round keyed by mesh and node.
 * Deterministic, so that a committee member can compute the commitment itself; in steps of one round, so that it holds nothing else up.
 */
export async function encodePlot(meshId: Uint8Array, node: Uint8Array): Promise<Uint8Array> {
  const key = hashLabelled('hypermesh/plot-key/1', encode(seedCodec, { meshId, node }));
  let data: Uint8Array = new Uint8Array(PLOT_BYTES);
  let iv = key.subarray(0, IV_BYTES);
  for (let round = 0; round < ROUNDS; round++) {
    const cipher = createCipheriv('aes-256-cbc', key, iv);
    cipher.setAutoPadding(false);
    data = cipher.update(data);
    // The end of one round decides the beginning of the next.
    iv = data.slice(-IV_BYTES);
    await setImmediate();
  }
  return data;
}

/** The tree over the chunks; its root is the node's storage commitment. */
export function plotTree(data: Uint8Array): MerkleTree {
  return new MerkleTree(Array.from({ length: CHUNK_COUNT }, (_, at) => data.subarray(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES)));
}
