import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Crypto, KeyPair } from '@hypermesh/stoq';
import type { LogSigners } from '../../src/note/log-signature.ts';

export const ORIGIN: string = 'trust.mesh/certificates';

export async function createLogSigners(crypto: Crypto): Promise<LogSigners> {
  const [classical, postQuantum] = await Promise.all([crypto.generateKeyPair('ed25519'), crypto.generateKeyPair('falcon1024')]);
  return { classical: crypto.createSigner(classical), postQuantum: crypto.createSigner(postQuantum) };
}

type LogPairs = { readonly classical: KeyPair<'ed25519'>; readonly postQuantum: KeyPair<'falcon1024'> };

/** Key pairs of a log as text, for another process. */
export async function writeLogPairs(crypto: Crypto): Promise<string> {
  const [classical, postQuantum] = await Promise.all([crypto.generateKeyPair('ed25519'), crypto.generateKeyPair('falcon1024')]);
  return JSON.stringify({ classical, postQuantum }, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}

export function readLogSigners(text: string, crypto: Crypto): LogSigners {
  const pairs = JSON.parse(text, (key, value: unknown) =>
    key === 'bytes' ? Uint8Array.from(Buffer.from(value as string, 'hex')) : value,
  ) as LogPairs;
  return { classical: crypto.createSigner(pairs.classical), postQuantum: crypto.createSigner(pairs.postQuantum) };
}

const made: string[] = [];

export async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'trustchain-test-'));
  made.push(folder);
  return folder;
}

export async function removeFolders(): Promise<void> {
  await Promise.all(made.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
}

export function entryOf(n: number, bytes = 40): Uint8Array {
  const entry = new Uint8Array(bytes);
  new DataView(entry.buffer).setUint32(0, n);
  return entry;
}
