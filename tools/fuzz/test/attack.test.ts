import {
  blobContract,
  createBlobStore,
  createCrypto,
  createHost,
  createPinnedIdentity,
  createPinnedVerifier,
  createQuicCarrier,
  type Crypto,
  type Host,
  type HybridSigner,
  serveBlobs,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import { Prng } from '@hypermesh/testkit';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { attack, faultOf, type Front } from '../src/attack.ts';
import { targetsOf } from '../src/contracts.ts';
import type { Call } from '../src/frames.ts';
import { Tally } from '../src/tally.ts';

const CALLS = 400;
const ATTACK_MS_MAX = 15_000;

let crypto: Crypto;
let signers: { readonly server: HybridSigner; readonly client: HybridSigner };
beforeAll(async () => {
  crypto = await createCrypto();
  const signer = async (): Promise<HybridSigner> =>
    crypto.createHybridSigner(await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024'));
  signers = { server: await signer(), client: await signer() };
}, 30_000);
afterAll(() => crypto.close());

async function attacked(serve: (host: Host) => void): Promise<{ host: Host; tally: Tally }> {
  const everybody = Object.values(signers).map(({ publicKey }) => ({ key: publicKey, roles: ['owner'], names: ['peer'] }) as const);
  const verifier = createPinnedVerifier(everybody);
  const components = { crypto, clock: systemClock, entropy: systemEntropy, verifier };
  const host = createHost(
    { ...components, carriers: [createQuicCarrier()] },
    { identities: () => [createPinnedIdentity(signers.server)], listen: ['127.0.0.1:0'] },
  );
  serve(host);
  await host.start();
  const carrier = createQuicCarrier();
  onTestFinished(async () => {
    await carrier.close();
    await host.stop({ graceMs: 0 });
  });
  const ending = new AbortController();
  const tally = new Tally();
  const add = tally.add.bind(tally);
  tally.add = (method, outcome) => {
    add(method, outcome);
    if (tally.calls >= CALLS) ending.abort();
  };
  const front: Front = {
    daemon: 'host',
    kind: 'stoqd',
    address: host.addresses()[0]!,
    expect: 'pinned',
    identity: createPinnedIdentity(signers.client),
  };
  const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(ATTACK_MS_MAX)]);
  const targets = targetsOf(blobContract);
  await attack(front, { ...components, carrier, targets, tally, signal, vocabulary: { bytes: [], texts: [] }, prng: new Prng(11) });
  return { host, tally };
}

describe('an attack', () => {
  test('on blobs finds nothing, and leaves them served', { timeout: 30_000 }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'fuzz-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const store = createBlobStore({ directory, quotaBytes: 1024 * 1024 });
    const { tally } = await attacked((host) => serveBlobs(host, store));
    expect(tally.violations).toEqual([]);
    expect([...tally.methods.keys()].toSorted()).toEqual(['blob/1.get', 'blob/1.stat']);
    expect(tally.codes.get('stoq.blob_missing')).toBeGreaterThan(0);
    expect(tally.codes.get('stoq.rpc_malformed')).toBeGreaterThan(0);
    expect([tally.values > 0, tally.handshakes > 0]).toEqual([true, true]);
  });

  test('finds a handler that throws what has no code', { timeout: 30_000 }, async () => {
    const { tally } = await attacked((host) =>
      host.serve(blobContract, {
        stat: async () => {
          throw new TypeError('a mistake');
        },
        get: async function* ({ digest }) {
          yield { bytes: digest };
        },
      }),
    );
    expect(tally.violations.length).toBeGreaterThan(0);
    for (const violation of tally.violations) {
      expect(violation).toMatch(/^host as pinned, blob\/1\.stat, .*: an error without a type: stoq\.rpc_internal; [0-9a-f]+/);
    }
  });
});

describe('a fault', () => {
  const target = (method: string): Parameters<typeof faultOf>[1] => ({ method, spec: blobContract.methods.stat });
  const call = (form: Call['form']): Call => ({ form, bytes: new Uint8Array() });
  const front = (kind: Front['kind'], identity: string): Parameters<typeof faultOf>[0] => ({ kind, identity: { kind: identity } as never });

  test.each<[string, string | null, Parameters<typeof faultOf>]>([
    ['no answer', 'no answer', [front('stoqd', 'bundle'), target('blob/1.stat'), call('sound'), { kind: 'nothing' }]],
    ['a deadline of its own', null, [front('stoqd', 'bundle'), target('blob/1.stat'), call('mutated header'), { kind: 'nothing' }]],
    ['a value', null, [front('hypermeshd', 'bundle'), target('mesh/1.status'), call('sound'), { kind: 'value' }]],
    [
      'a validator among validators',
      null,
      [front('hypermeshd', 'set-entry'), target('consensus/1.hello'), call('sound'), { kind: 'value' }],
    ],
    [
      'a user among validators',
      'not refused',
      [front('hypermeshd', 'bundle'), target('consensus/1.hello'), call('sound'), { kind: 'value' }],
    ],
    [
      'a contract that is not served',
      'not served',
      [front('catalogd', 'bundle'), target('catalog/1.list'), call('sound'), { kind: 'error', code: 'stoq.rpc_unknown_method' }],
    ],
    [
      'a contract of another daemon',
      null,
      [front('caesard', 'bundle'), target('catalog/1.list'), call('sound'), { kind: 'error', code: 'stoq.rpc_unknown_method' }],
    ],
    [
      'a text in place of a code',
      'an error without a type: oops!',
      [front('caesard', 'bundle'), target('catalog/1.list'), call('random bytes'), { kind: 'error', code: 'oops!' }],
    ],
  ])('%s: %s', (_, fault, input) => {
    expect(faultOf(...input)).toBe(fault);
  });
});
