import {
  blobContract,
  type Carrier,
  createBlobStore,
  createHost,
  createPinnedIdentity,
  createQuicCarrier,
  type Host,
  serveBlobs,
  stoqError,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import { Prng } from '@hypermesh/testkit';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { attack } from '../src/attack.ts';
import { targetsOf } from '../src/contracts.ts';
import type { Call } from '../src/frames.ts';
import { faultOf, type Front } from '../src/judge.ts';
import { Tally } from '../src/tally.ts';
import { createPeers, type Peers, startServer } from './altered-server.ts';

const CALLS = 1_000;
const ATTACK_MS_MAX = 15_000;
const SYSTEM = { clock: systemClock, entropy: systemEntropy };

let peers: Peers;
beforeAll(async () => {
  peers = await createPeers();
}, 30_000);
afterAll(() => peers.crypto.close());

async function attacked(serve: (host: Host) => void): Promise<Tally> {
  const host = createHost(
    { ...peers, ...SYSTEM, carriers: [createQuicCarrier()] },
    { identities: () => [createPinnedIdentity(peers.server)], listen: ['127.0.0.1:0'] },
  );
  serve(host);
  await host.start();
  const carrier = createQuicCarrier();
  onTestFinished(async () => {
    await carrier.close();
    await host.stop({ graceMs: 0 });
  });
  const identity = createPinnedIdentity(peers.client);
  const address = host.addresses()[0]!;
  return attackUntil(({ calls }) => calls >= CALLS, { daemon: 'host', kind: 'stoqd', address, expect: 'pinned', identity }, carrier);
}

async function attackUntil(isEnough: (tally: Tally) => boolean, front: Front, carrier: Carrier): Promise<Tally> {
  const ending = new AbortController();
  const tally = new Tally();
  const add = tally.add.bind(tally);
  tally.add = (method, outcome) => {
    add(method, outcome);
    if (isEnough(tally)) ending.abort();
  };
  const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(ATTACK_MS_MAX)]);
  const vocabulary = { bytes: [], texts: [] };
  await attack(front, { ...peers, ...SYSTEM, carrier, targets: targetsOf(blobContract), tally, signal, vocabulary, prng: new Prng(11) });
  return tally;
}

describe('an attack', () => {
  test('on blobs finds nothing, and leaves them served', { timeout: 30_000 }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'fuzz-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const store = createBlobStore({ directory, quotaBytes: 1024 * 1024 });
    const tally = await attacked((host) => serveBlobs(host, store));
    expect(tally.violations).toEqual([]);
    expect([...tally.methods.keys()].toSorted()).toEqual(['blob/1.get', 'blob/1.stat']);
    expect(tally.codes.get('stoq.blob_missing')).toBeGreaterThan(0);
    expect(tally.codes.get('stoq.rpc_malformed')).toBeGreaterThan(0);
    expect([tally.values > 0, tally.handshakes > 1, tally.sharedStreams > 0]).toEqual([true, true, true]);
  });

  test('finds a session that ends with a shared stream', { timeout: 30_000 }, async () => {
    const { front, carrier } = await startServer(peers, (_, session) => ({ reset: () => session.abort(stoqError('stoq.session_closed')) }));
    const tally = await attackUntil(({ violations }) => violations.length > 0, front, carrier);
    expect(tally.violations[0]).toMatch(/^server as pinned, shared stream, .*: the next call has ended; [0-9a-f]+/);
  });

  test('finds a handler that throws what has no code', { timeout: 30_000 }, async () => {
    const tally = await attacked((host) =>
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
  const call = (form: Call['form']): Call => ({ form, frames: [] });
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
