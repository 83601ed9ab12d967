import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CAESAR_MACHINE, caesarOperationCodec, UNITS_PER_CAES } from '@hypermesh/caesar';
import { catalogContract, type PublishedVersion } from '@hypermesh/catalog';
import { publishExample, type User, waitUntil } from '@hypermesh/devnet';
import { parseAppDocument, resolveApp } from '@hypermesh/mesh';
import { orderSponsored, type ProvenOperation } from '@hypermesh/mesh/client';
import type { AppSpec } from '@hypermesh/mesh/machine';
import { encode, type PeerTarget, systemEntropy } from '@hypermesh/stoq';
import { benchError } from '../errors.ts';

export const EXAMPLE: string = fileURLToPath(new URL('../../../../examples/hello', import.meta.url));
// Days of a few small replicas.
const ESCROW_UNITS: bigint = 10n * UNITS_PER_CAES;
const SPONSOR_MS_MAX = 60_000;

export interface PublishedExample {
  readonly version: PublishedVersion;
  /** The catalog that has it. */
  readonly catalog: PeerTarget;
}

/** Publishes the example unless it is there already. */
export async function publishedExample(user: User, signal: AbortSignal): Promise<PublishedExample> {
  const { name, version: number } = await publishExample(user, EXAMPLE, signal);
  const catalog = await user.member.find('catalog', { signal });
  const { value: version } = await user.member.host.connect(catalogContract, catalog).resolve({ name, version: number }, { signal });
  if (version === null) throw benchError('bench.step_failed', { package: name, reason: 'not in the index' });
  return { version, catalog };
}

/** The example as an app of that name. */
export async function exampleSpec({ version }: PublishedExample, name: string, replicas: number): Promise<AppSpec> {
  const file = join(EXAMPLE, 'app.yaml');
  const document = parseAppDocument(await readFile(file, 'utf8'), file);
  return { ...resolveApp(document, version), name, replicas };
}

export async function fundApp({ mesh, account }: User, app: string, signal: AbortSignal): Promise<void> {
  const escrow = { kind: 'escrow.fund', id: Uint8Array.from(randomBytes(16)), app, amount: ESCROW_UNITS } as const;
  await mesh.transact(account, CAESAR_MACHINE, [encode(caesarOperationCodec, escrow)], { signal });
}

/** Orders the operation with a node's proof of state. Answers when what was ordered had been proven and was to be signed, in ms. */
export async function order({ mesh, account }: User, operation: ProvenOperation, signal: AbortSignal): Promise<number> {
  let provenAt = 0;
  await orderSponsored(mesh, account, operation, {
    signal,
    entropy: systemEntropy,
    awaitSponsorship: (ask) => waitUntil('a node with a current proof of state', SPONSOR_MS_MAX, signal, ask),
    onProven: () => (provenAt = performance.now()),
  });
  return provenAt;
}
