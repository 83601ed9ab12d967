import { createCrypto, type Crypto, decode, encode, type HybridSigner } from '@hypermesh/stoq';
import { nodeIdOf, trustError } from '@hypermesh/trustchain';
import type { StateWriter } from '@hypermesh/mesh/machine';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createIndexMachine, type IndexJudge, type IndexOperation, indexOperationCodec } from '../../src/index/index-machine.ts';
import { INDEX_QUERIES } from '../../src/index/index-query.ts';
import { formatPackage, type LogProof, type PackageStatement, signPackage } from '../../src/index/package-entry.ts';
import { type PublishedVersion, publishedVersionCodec, versionKey } from '../../src/index/published-version.ts';
import { contextOf, createMapState } from './map-state.ts';

const MESH_ID = new Uint8Array(32).fill(7);
const TIME = 1_000_000;
const PROOF: LogProof = { index: 4, hashes: [], checkpoint: Uint8Array.of(1) };
const UNLOGGED: LogProof = { ...PROOF, index: 5 };
const EXPIRED = Uint8Array.of(0);
const VIEWER = Uint8Array.of(3);
const OPERATOR = Uint8Array.of(4);

let crypto: Crypto;
let alice: HybridSigner;
let bob: HybridSigner;
let state: StateWriter;
let judge: IndexJudge;

beforeAll(async () => {
  crypto = await createCrypto();
  const signer = async (): Promise<HybridSigner> =>
    crypto.createHybridSigner(await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024'));
  [alice, bob] = await Promise.all([signer(), signer()]);
  judge = {
    isLogged: (_, proof) => proof.index === PROOF.index,
    publisherOf(bundle, time) {
      if (bundle[0] === EXPIRED[0] && time >= TIME) throw trustError('trustchain.certificate_expired');
      const role = bundle[0] === VIEWER[0] ? 'viewer' : bundle[0] === OPERATOR[0] ? 'operator' : 'owner';
      return { key: (bundle[0] === 2 ? bob : alice).publicKey, roles: ['node', role] };
    },
    verify: (key, message, signature) => crypto.verifyHybrid(key, message, signature),
  };
});
afterAll(() => crypto.close());
beforeEach(() => {
  state = createMapState();
  createIndexMachine(judge).genesis(state, { meshId: MESH_ID, genesis: new Uint8Array() });
});

const idOf = (signer: HybridSigner): Uint8Array => nodeIdOf(signer.publicKey.postQuantum);

function statement(change: Partial<PackageStatement> = {}): PackageStatement {
  return {
    meshId: MESH_ID,
    name: 'hello',
    version: '1.0.0',
    kind: 'wasm',
    root: new Uint8Array(32).fill(1),
    manifest: new Uint8Array(32).fill(2),
    publisher: idOf(alice),
    ...change,
  };
}

interface Publication {
  readonly change?: Partial<PackageStatement>;
  readonly signer?: HybridSigner;
  readonly owner?: Uint8Array;
  readonly proof?: LogProof;
  readonly bundle?: Uint8Array;
  readonly altered?: Partial<PackageStatement>;
}

async function publish({ change, signer = alice, owner = idOf(signer), proof = PROOF, bundle, altered }: Publication = {}): Promise<void> {
  const entry = await signPackage(statement({ publisher: idOf(signer), ...change }), signer);
  const operation: IndexOperation = {
    kind: 'publish',
    entry: { ...entry, statement: { ...entry.statement, ...altered } },
    proof,
    bundle: bundle ?? Uint8Array.of(signer === bob ? 2 : 1),
  };
  apply(operation, owner);
}

function apply(operation: IndexOperation, owner: Uint8Array): void {
  createIndexMachine(judge).apply(state, encode(indexOperationCodec, operation), contextOf(owner, TIME));
}

function query<Name extends keyof typeof INDEX_QUERIES>(name: Name, argument: unknown): unknown {
  const { argument: argumentCodec, answer } = INDEX_QUERIES[name];
  const machine = createIndexMachine(judge);
  return decode(answer as never, machine.query?.(state, name, encode(argumentCodec as never, argument as never)) as Uint8Array);
}

const resolve = (version = ''): unknown => query('resolve', { name: 'hello', version });

describe('publishing', () => {
  test('records the version with its publisher, time and place in the log', async () => {
    await publish();
    expect(resolve('1.0.0')).toMatchObject({
      name: 'hello',
      publisher: idOf(alice),
      publishedAt: TIME,
      logIndex: PROOF.index,
      yanked: false,
    });
  });

  test('never changes a version', async () => {
    await publish();
    await expect(publish({ change: { root: new Uint8Array(32).fill(9) } })).rejects.toMatchObject({ code: 'catalog.version_exists' });
  });

  test('keeps a name for the publisher who had it first', async () => {
    await publish();
    await expect(publish({ signer: bob, change: { version: '2.0.0' } })).rejects.toMatchObject({ code: 'catalog.name_taken' });
    await publish({ signer: bob, change: { name: 'other' } });
  });

  test('is open to owners and operators', async () => {
    await publish();
    await publish({ bundle: OPERATOR, change: { version: '1.1.0' } });
    expect(query('list', 'hello')).toHaveLength(2);
  });

  test.each<[string, () => Publication, string]>([
    ['the signer of another transaction', () => ({ owner: idOf(bob) }), 'catalog.name_taken'],
    ['an altered statement', () => ({ altered: { version: '1.0.1' } }), 'catalog.signature_failed'],
    ['another mesh', () => ({ change: { meshId: new Uint8Array(32) } }), 'catalog.signature_failed'],
    ['an entry that is not logged', () => ({ proof: UNLOGGED }), 'catalog.unlogged'],
    ['a certificate that had expired', () => ({ bundle: EXPIRED }), 'trustchain.certificate_expired'],
    ['the certificate of somebody else', () => ({ bundle: Uint8Array.of(2) }), 'catalog.publisher_refused'],
    ['a publisher without a role that may publish', () => ({ bundle: VIEWER }), 'catalog.publisher_role'],
    ['a name below the name of another package', () => ({ change: { name: 'hello/x' } }), 'catalog.manifest_invalid'],
    ['an empty name', () => ({ change: { name: '' } }), 'catalog.manifest_invalid'],
    ['a name with capitals', () => ({ change: { name: 'Hello' } }), 'catalog.manifest_invalid'],
    ['a name that ends in a hyphen', () => ({ change: { name: 'hello-' } }), 'catalog.manifest_invalid'],
    ['a version that is not exact', () => ({ change: { version: '1.0' } }), 'catalog.manifest_invalid'],
  ])('refuses %s', async (_, publication, code) => {
    await expect(publish(publication())).rejects.toMatchObject({ code });
    expect(query('list', '')).toEqual([]);
  });

  test.each([
    Uint8Array.of(0xff),
    new Uint8Array(),
    encode(indexOperationCodec, { kind: 'yank', name: 'a', version: '1.0.0', yanked: true }).subarray(1),
  ])('refuses malformed bytes', (operation) => {
    expect(() => createIndexMachine(judge).apply(state, operation, contextOf(idOf(alice), TIME))).toThrow(
      expect.objectContaining({ code: 'catalog.operation_malformed' }),
    );
  });
});

describe('resolving', () => {
  test('gives the highest version that is neither yanked nor a pre-release', async () => {
    for (const version of ['1.9.0', '1.10.0', '2.0.0-rc.1']) await publish({ change: { version } });
    expect(resolve()).toMatchObject({ version: '1.10.0' });
    apply({ kind: 'yank', name: 'hello', version: '1.10.0', yanked: true }, idOf(alice));
    expect(resolve()).toMatchObject({ version: '1.9.0' });
    expect(resolve('1.10.0')).toMatchObject({ yanked: true });
    apply({ kind: 'yank', name: 'hello', version: '1.10.0', yanked: false }, idOf(alice));
    expect(resolve()).toMatchObject({ version: '1.10.0' });
    expect(query('list', 'hello')).toHaveLength(3);
  });

  test('never answers with a package of another name, whatever the state holds', async () => {
    await publish();
    const version: PublishedVersion = {
      name: 'hello/x',
      version: '99.0.0',
      kind: 'wasm',
      root: new Uint8Array(32),
      manifest: new Uint8Array(32),
      publisher: idOf(bob),
      publishedAt: TIME,
      logIndex: 0,
      yanked: false,
    };
    state.set(versionKey(version.name, version.version), encode(publishedVersionCodec, version));
    expect(resolve()).toMatchObject({ name: 'hello', version: '1.0.0' });
    expect(query('list', 'hello')).toHaveLength(1);
    expect(query('resolve', { name: '', version: '' })).toBeNull();
  });

  test('answers null for what is not there', () => {
    expect(resolve()).toBeNull();
    expect(resolve('1.0.0')).toBeNull();
  });

  test('lets only the publisher yank, and only what exists', async () => {
    await publish();
    const yank = (version: string, owner: Uint8Array) => () => apply({ kind: 'yank', name: 'hello', version, yanked: true }, owner);
    expect(yank('1.0.0', idOf(bob))).toThrow(expect.objectContaining({ code: 'catalog.name_taken' }));
    expect(yank('1.0.1', idOf(alice))).toThrow(expect.objectContaining({ code: 'catalog.version_unknown' }));
  });

  test('refuses an unknown query', () => {
    expect(() => createIndexMachine(judge).query?.(state, 'nothing', new Uint8Array())).toThrow(
      expect.objectContaining({ code: 'catalog.query_unknown' }),
    );
  });
});

test('a package is written with name, version and root', () => {
  expect(formatPackage(statement())).toMatch(/^hello@1\.0\.0 pkg:[a-z2-7]{52}$/u);
});
