import { systemClock } from '@hypermesh/stoq';
import { parseCertificate, parseCheckpoint, verifyBundle } from '@hypermesh/trustchain';
import { LOG_ENTRIES_PER_ANSWER_MAX } from '@hypermesh/trustchain/client';
import type { User } from './user.ts';
import { waitUntil } from './wait.ts';

export interface CertificateReport {
  readonly issued: number;
  readonly verified: number;
  readonly logSize: number;
}

const COVERED_MS_MAX = 30_000;

/** Reads every certificate out of the transparency log and verifies each with its proof, offline, as any peer would. */
export async function verifyCertificates({ member, crypto }: User, signal: AbortSignal): Promise<CertificateReport> {
  const { client, trust, revocations } = member;
  const { checkpoint } = await client['log.checkpoint']({ log: 'certificates' }, { signal });
  const { size } = parseCheckpoint(checkpoint);
  const leaves: Uint8Array[] = [];
  while (leaves.length < size) {
    const end = Math.min(size, leaves.length + LOG_ENTRIES_PER_ANSWER_MAX);
    leaves.push(...(await client['log.entries']({ log: 'certificates', start: leaves.length, end }, { signal })).entries);
  }
  let verified = 0;
  for (const leaf of leaves) {
    const { serial } = parseCertificate(leaf);
    // A proof under the newest witness policy may still be on its way.
    await waitUntil(`a cosigned proof of certificate ${serial}`, COVERED_MS_MAX, signal, async () => {
      const { bundle } = await client.bundle({ serial }, { signal });
      verifyBundle(bundle, { at: systemClock.now(), trust, revocation: revocations, crypto });
      return true;
    });
    verified += 1;
  }
  return { issued: leaves.length, verified, logSize: size };
}
