import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CAESAR_MACHINE, caesarOperationCodec, UNITS_PER_CAES } from '@hypermesh/caesar';
import { buildPackage, catalogContract, type Publication, publishPackage } from '@hypermesh/catalog';
import { type AppDocument, type PackageReference, parseAppDocument, resolveApp } from '@hypermesh/mesh';
import { orderSponsored, queryMesh } from '@hypermesh/mesh/client';
import type { Endpoint } from '@hypermesh/mesh/machine';
import { encode, systemEntropy } from '@hypermesh/stoq';
import { devnetError } from '../errors.ts';
import { appFileOf, type User } from './user.ts';
import { waitUntil } from './wait.ts';

// Pays three small replicas for weeks.
const ESCROW_UNITS: bigint = 100n * UNITS_PER_CAES;
// The catalog follows the log a block behind; nodes prove their first window after the log has begun.
const INDEXED_MS_MAX = 30_000;
const SPONSOR_MS_MAX = 60_000;
const READY_MS_MAX = 60_000;

/** Builds the example with what npm ships, signs it, logs it, has it ordered. */
export async function publishExample(user: User, example: string, signal: AbortSignal): Promise<Publication> {
  const { member, mesh, account } = user;
  const staging = await mkdtemp(join(tmpdir(), 'hypermesh-build-'));
  try {
    const built = await buildPackage(example, staging);
    const catalog = member.host.connect(catalogContract, await member.find('catalog', { signal }));
    const published = await publishPackage(
      built,
      { catalog, trust: member.client, mesh, account, bundle: () => member.bundle(), meshId: member.meshId },
      { signal },
    );
    await waitUntil('the catalog to list the package', INDEXED_MS_MAX, signal, async () => {
      const { value } = await catalog.resolve({ name: published.name, version: published.version }, { signal });
      return value !== null;
    });
    return published;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

export interface ExampleDocument extends AppDocument {
  readonly package: Extract<PackageReference, { readonly name: string }>;
}

/** The app document of an example. Throws what `parseAppDocument` refuses, or `devnet.example_invalid`. */
export async function readExample(example: string): Promise<ExampleDocument> {
  const file = appFileOf(example);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw devnetError('devnet.example_invalid', { file, reason: 'no app document' }, { cause });
  });
  const document = parseAppDocument(text, file);
  if (!('name' in document.package)) throw devnetError('devnet.example_invalid', { file, reason: 'it names its package by address' });
  return { ...document, package: document.package };
}

export interface Deployed {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
}

/** Funds the app's escrow, orders the deployment with a node's proof of state, and waits for every replica. */
export async function deployExample(user: User, example: string, signal: AbortSignal): Promise<Deployed> {
  const { member, mesh, account } = user;
  const document = await readExample(example);
  const catalog = member.host.connect(catalogContract, await member.find('catalog', { signal }));
  const { value: version } = await catalog.resolve(document.package, { signal });
  if (version === null) throw devnetError('devnet.step_failed', { package: document.package.name, reason: 'not in the index' });
  const escrow = { kind: 'escrow.fund', id: Uint8Array.from(randomBytes(16)), app: document.name, amount: ESCROW_UNITS } as const;
  await mesh.transact(account, CAESAR_MACHINE, [encode(caesarOperationCodec, escrow)], { signal });
  const operation = { kind: 'app.deploy', spec: resolveApp(document, version), proof: null } as const;
  await orderSponsored(mesh, account, operation, {
    signal,
    entropy: systemEntropy,
    awaitSponsorship: (ask) => waitUntil('a node with a current proof of state', SPONSOR_MS_MAX, signal, ask),
  });
  return { name: document.name, endpoints: await replicasReady(user, document.name, document.replicas, signal) };
}

/** The endpoints of an app once that many replicas answer. */
export function replicasReady({ mesh }: User, app: string, replicas: number, signal: AbortSignal): Promise<readonly Endpoint[]> {
  return waitUntil(`${replicas} replicas of ${app}`, READY_MS_MAX, signal, async () => {
    const endpoints = await queryMesh(mesh, 'endpoints', app, { signal });
    return endpoints.length >= replicas ? endpoints : false;
  });
}
