import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Crypto, systemClock } from '@hypermesh/stoq';
import {
  createLog,
  type Log,
  leafHash,
  type LogReceipt,
  parseCheckpoint,
  verifyInclusion,
  verifyLogSignatures,
} from '@hypermesh/trustchain';
import { benchError } from '../errors.ts';
import { type Metric, perRun } from '../report/metric.ts';
import { pipelineMs } from '../sampling.ts';

// A certificate with its FALCON key and signature.
const ENTRY_BYTES = 4_096;
const ENTRIES_PER_RUN = 1_000;
const ENTRIES_IN_FLIGHT = 256;

/** Entries a second until each is on the disk and under a checkpoint with both signatures. */
export async function measureAppends(crypto: Crypto, runs: number): Promise<Metric> {
  const directory = await mkdtemp(join(tmpdir(), 'hypermesh-bench-log-'));
  const [classical, postQuantum] = await Promise.all([crypto.generateKeyPair('ed25519'), crypto.generateKeyPair('falcon1024')]);
  const signers = { classical: crypto.createSigner(classical), postQuantum: crypto.createSigner(postQuantum) };
  const log = await createLog({ directory, origin: 'bench/certificates', signers }, { crypto, clock: systemClock });
  try {
    const rates: number[] = [];
    for (let run = 0; run <= runs; run++) {
      const perSecond = (ENTRIES_PER_RUN * 1000) / (await appendMs(log, crypto));
      // The first run fills the first tile.
      if (run > 0) rates.push(perSecond);
    }
    const params = {
      entryBytes: ENTRY_BYTES,
      inFlight: ENTRIES_IN_FLIGHT,
      entriesPerRun: ENTRIES_PER_RUN,
      warmUp: ENTRIES_PER_RUN,
      durable: true,
    };
    return perRun('trustchain.log.append_per_s', 'per_s', rates, params);
  } finally {
    await log.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function appendMs(log: Log, crypto: Crypto): Promise<number> {
  const entries = Array.from({ length: ENTRIES_PER_RUN }, () => Uint8Array.from(randomBytes(ENTRY_BYTES)));
  const receipts: LogReceipt[] = [];
  const durationMs = await pipelineMs(ENTRIES_PER_RUN, ENTRIES_IN_FLIGHT, async (turn) => {
    receipts[turn] = await log.add(entries[turn] as Uint8Array);
  });
  for (const [turn, receipt] of receipts.entries()) assertIncluded(log, crypto, entries[turn] as Uint8Array, receipt);
  return durationMs;
}

function assertIncluded({ keys }: Log, crypto: Crypto, entry: Uint8Array, { index, size, proof, checkpoint }: LogReceipt): void {
  const signed = parseCheckpoint(checkpoint);
  verifyLogSignatures(signed.note, keys, crypto);
  if (signed.size === size && verifyInclusion(leafHash(entry), index, size, proof, signed.root)) return;
  throw benchError('bench.data_wrong', { index, size });
}
