import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Received } from './protocol.ts';

/** Reads a stream to its end. Hashing waits until the clock has stopped, so that it slows neither side of a comparison. */
export async function receive(read: () => Promise<Uint8Array | null>): Promise<Received> {
  const chunks: Uint8Array[] = [];
  let chunk = await read();
  const startedAt = performance.now();
  for (; chunk !== null; chunk = await read()) chunks.push(chunk);
  const durationMs = performance.now() - startedAt;
  const hash = createHash('sha256');
  let bytes = 0;
  for (const piece of chunks) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { kind: 'received', bytes, durationMs, sha256: hash.digest('hex') };
}
