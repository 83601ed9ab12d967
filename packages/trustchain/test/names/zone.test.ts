import { join } from 'node:path';
import { type CodedError, createCrypto, type Crypto, encode, type HybridSigner, type PeerIdentity } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  ANSWER_LIFETIME_MS,
  type Answer,
  isAbout,
  type Question,
  signAnswer,
  verifyAnswer,
  type ZoneTrust,
} from '../../src/names/answer.ts';
import type { RecordType } from '../../src/names/record.ts';
import { createResolver } from '../../src/names/resolver.ts';
import { createZone, type Publication, type Zone, ZONE_NAMES_MAX } from '../../src/names/zone.ts';
import { NEGATIVE_TTL_SECONDS, zoneNameCodec } from '../../src/names/zone-state.ts';
import { openStateStore, type StateStore } from '../../src/service/state-store.ts';
import { createKeys, NOW } from '../fixtures.ts';
import { createFolder, removeFolders } from '../log/fixtures.ts';

const meshId = new Uint8Array(32).fill(7);
const NODE = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);

let crypto: Crypto;
let signer: HybridSigner;
let trust: ZoneTrust;
let clock: SteppedClock;
let path: string;
let store: StateStore;
let zone: Zone;
let holders: Map<string, Uint8Array>;
let signatures: number;

beforeAll(async () => {
  crypto = await createCrypto();
  const keys = await createKeys(crypto);
  const inner = crypto.createHybridSigner(keys.classical, keys.postQuantum);
  signer = {
    publicKey: inner.publicKey,
    sign(message) {
      signatures += 1;
      return inner.sign(message);
    },
  };
  trust = { meshId, zone: 'mesh', key: signer.publicKey };
});
afterAll(async () => {
  await crypto.close();
  await removeFolders();
});
beforeEach(async () => {
  path = join(await createFolder(), 'state');
  clock = new SteppedClock(NOW);
  holders = new Map([['node.mesh', NODE]]);
  signatures = 0;
  store = await openStateStore(path);
  zone = await open();
});
afterEach(() => store.close());

function open(): Promise<Zone> {
  const holderOf = async (name: string): Promise<string | null> => {
    const holder = holders.get(name);
    return holder === undefined ? null : Buffer.from(holder).toString('hex');
  };
  return createZone({ meshId, zone: 'mesh' }, { stored: store.map('names'), signer, clock, holderOf });
}

function peer(kind: PeerIdentity['kind'], id: Uint8Array, names: readonly string[] = []): PeerIdentity {
  const key = { classical: { algorithm: 'ed25519', bytes: id }, postQuantum: { algorithm: 'falcon1024', bytes: id } } as const;
  return { kind, id, key, roles: ['validator'], names, notAfter: null, revocationIds: [], restricted: false };
}

const node = peer('bundle', NODE, ['node.mesh']);
const validator = peer('set-entry', OTHER, ['node-1']);
const publication: Publication = { name: 'hello.mesh', type: 'A', ttlSeconds: 30, records: ['127.0.0.1', '127.0.0.2'], version: 5 };

async function ask(name: string, type: RecordType = 'A'): Promise<Answer> {
  const question = { name, type };
  return verifyAnswer(await zone.resolve(question), question, trust, clock.now(), crypto).answer;
}

describe('publication', () => {
  test('by a validator makes a name of the mesh, which any validator keeps', async () => {
    expect(await zone.publish(publication, validator)).toBe(5);
    expect(await ask('hello.mesh')).toMatchObject({ kind: 'records', ttlSeconds: 30, records: publication.records });
    expect(await zone.publish({ ...publication, records: ['127.0.0.3'], version: 6 }, peer('set-entry', NODE))).toBe(6);
    expect(await ask('hello.mesh')).toMatchObject({ records: ['127.0.0.3'] });
  });

  test('of an older version changes nothing, also after a withdrawal and a restart', async () => {
    await zone.publish(publication, validator);
    expect(await zone.publish({ ...publication, records: [], version: 6 }, validator)).toBe(6);
    expect(await zone.publish({ ...publication, version: 5 }, validator)).toBe(6);
    zone = await open();
    expect(await zone.publish({ ...publication, version: 6 }, validator)).toBe(6);
    expect(await ask('hello.mesh')).toMatchObject({ kind: 'denial' });
  });

  test('is there after a restart', async () => {
    await zone.publish(publication, validator);
    zone = await open();
    expect(zone.size).toBe(1);
    expect(await ask('hello.mesh')).toMatchObject({ records: publication.records });
  });

  test.each([
    ['a certified name by its node', 'node.mesh', node, null],
    ['a certified name by a validator', 'node.mesh', validator, 'trustchain.name_taken'],
    ['a name that is not in the certificate', 'hello.mesh', node, 'trustchain.name_refused'],
    ['a name by a bare key', 'hello.mesh', peer('raw-key', NODE), 'trustchain.name_refused'],
    ['a name that went to another node since', 'node.mesh', peer('bundle', OTHER, ['node.mesh']), 'trustchain.name_taken'],
    ['a name outside the zone', 'hello.example', validator, 'trustchain.name_malformed'],
    ['the zone itself', 'mesh', validator, 'trustchain.name_malformed'],
    ['a wildcard', '*.mesh', validator, 'trustchain.name_malformed'],
    ['an address', '::1', validator, 'trustchain.name_malformed'],
  ] as const)('of %s', async (_what, name, publisher, code) => {
    const published = zone.publish({ ...publication, name }, publisher);
    if (code === null) await expect(published).resolves.toBe(5);
    else await expect(published).rejects.toMatchObject({ code });
  });

  test('by a new owner starts with none of the records of the one before', async () => {
    await zone.publish(publication, validator);
    holders.set('hello.mesh', NODE);
    const owner = peer('bundle', NODE, ['hello.mesh']);
    expect(await zone.publish({ ...publication, type: 'TXT', records: ['mine'], version: 1 }, owner)).toBe(1);
    expect(await ask('hello.mesh')).toMatchObject({ kind: 'denial', types: ['TXT'] });
  });

  test.each<[RecordType, string, boolean]>([
    ['A', '127.0.0.1', true],
    ['A', '127.0.0.256', false],
    ['A', '::1', false],
    ['AAAA', 'fd48:4d00::1', true],
    ['AAAA', 'fd48:4d00:0:0::1', false],
    ['AAAA', 'node.mesh', false],
    ['TXT', 'any text', true],
    ['TXT', 'a\nb', false],
    ['TXT', 'x'.repeat(256), false],
    ['SRV', '0 5 9292 node.mesh', true],
    ['SRV', '0 5 70000 node.mesh', false],
    ['SRV', '00 5 9292 node.mesh', false],
    ['SRV', '0 5 9292', false],
    ['SRV', '0 5 9292 -.mesh', false],
    ['STOQ', `node:${'a'.repeat(52)} 127.0.0.1:9292`, true],
    ['STOQ', `node:${'a'.repeat(51)} 127.0.0.1:9292`, false],
    ['STOQ', `node:${'a'.repeat(52)} localhost:9292`, false],
    ['STOQ', `node:${'a'.repeat(52)}`, false],
    ['STOQ', `node:${'a'.repeat(52)} 127.0.0.1:9292 x`, false],
  ])('of a %s record %j: %s', async (type, record, accepted) => {
    const published = zone.publish({ ...publication, type, records: [record] }, validator);
    if (accepted) await expect(published).resolves.toBe(5);
    else await expect(published).rejects.toMatchObject({ code: 'trustchain.name_malformed' });
  });

  test('of one record twice is refused', async () => {
    await expect(zone.publish({ ...publication, records: ['127.0.0.1', '127.0.0.1'] }, validator)).rejects.toMatchObject({
      code: 'trustchain.name_malformed',
    });
  });

  test('into a full zone forgets what was withdrawn, and is refused otherwise', async () => {
    const set = { name: '', type: 'A', ttlSeconds: 1, records: ['127.0.0.1'] } as const;
    const names = Array.from({ length: ZONE_NAMES_MAX }, (_, index) => `n${index}.mesh`);
    await store
      .map('names')
      .putAll(
        names.map((name) => [name, encode(zoneNameCodec, { owner: meshId, sets: [{ version: 1, set: { ...set, name } }] })] as const),
      );
    zone = await open();
    await expect(zone.publish(publication, validator)).rejects.toMatchObject({ code: 'trustchain.zone_full' });
    await zone.publish({ ...set, name: 'n7.mesh', records: [], version: 2 }, validator);
    expect(await zone.publish(publication, validator)).toBe(5);
    expect(zone.size).toBe(ZONE_NAMES_MAX);
  });
});

describe('an answer', () => {
  test('denies a name or a type by the gap that it falls into', async () => {
    for (const name of ['b.mesh', 'd.mesh']) await zone.publish({ ...publication, name }, validator);
    const gaps = [
      ['a.mesh', { from: '', to: 'b.mesh', types: [] }],
      ['c.mesh', { from: 'b.mesh', to: 'd.mesh', types: ['A'] }],
      ['e.mesh', { from: 'd.mesh', to: '', types: ['A'] }],
    ] as const;
    for (const [name, gap] of gaps) expect(await ask(name)).toEqual({ kind: 'denial', ...gap, ttlSeconds: NEGATIVE_TTL_SECONDS });
    expect(await ask('b.mesh', 'TXT')).toMatchObject({ from: 'b.mesh', to: 'd.mesh', types: ['A'] });
  });

  test('is signed once for a gap, and anew in the second half of its life', async () => {
    await Promise.all([zone.resolve({ name: 'a.mesh', type: 'A' }), zone.resolve({ name: 'b.mesh', type: 'TXT' })]);
    await zone.resolve({ name: 'c.mesh', type: 'A' });
    expect(signatures).toBe(1);
    clock.step(ANSWER_LIFETIME_MS / 2);
    await zone.resolve({ name: 'c.mesh', type: 'A' });
    expect(signatures).toBe(2);
  });

  test('is believed only while it is current, for its question, mesh and zone', async () => {
    const question: Question = { name: 'a.mesh', type: 'A' };
    const records: Answer = { kind: 'records', ...question, ttlSeconds: 10, records: ['127.0.0.1'] };
    const signed = await signAnswer(records, { meshId, zone: 'mesh' }, signer, NOW);
    expect(verifyAnswer(signed, question, trust, NOW, crypto).expiresAt).toBe(NOW + 10_000);
    const malformed = await signAnswer({ ...records, records: ['nonsense'] }, { meshId, zone: 'mesh' }, signer, NOW);
    const refused: Record<string, { bytes?: Uint8Array; trust?: Partial<ZoneTrust>; at?: number; asked?: Partial<Question> }> = {
      'another name': { asked: { name: 'b.mesh' } },
      'another type': { asked: { type: 'TXT' } },
      'another mesh': { trust: { meshId: new Uint8Array(32) } },
      'another zone': { trust: { zone: 'elsewhere' } },
      'too old': { at: NOW + ANSWER_LIFETIME_MS },
      'from the future': { at: NOW - 30_001 },
      'no encoding': { bytes: new Uint8Array(9) },
    };
    const codes = Object.entries(refused).map(([reason, { bytes = signed, trust: change, at = NOW, asked }]) => {
      try {
        verifyAnswer(bytes, { ...question, ...asked }, { ...trust, ...change }, at, crypto);
        return [reason, null];
      } catch (error) {
        return [reason, (error as CodedError).code];
      }
    });
    expect(codes).toEqual(Object.keys(refused).map((reason) => [reason, 'trustchain.zone_invalid']));
    expect(() => verifyAnswer(malformed, question, trust, NOW, crypto)).toThrow(
      expect.objectContaining({ code: 'trustchain.name_malformed' }),
    );
  });

  test('is refused with any byte changed', async () => {
    const question: Question = { name: 'a.mesh', type: 'A' };
    const signed = await zone.resolve(question);
    for (let at = 0; at < signed.length; at += 7) {
      const changed = Uint8Array.from(signed);
      changed[at] = (changed[at] as number) ^ 1;
      expect(() => verifyAnswer(changed, question, trust, NOW, crypto)).toThrow(
        expect.objectContaining({ code: 'trustchain.zone_invalid' }),
      );
    }
  });

  test('about a gap says nothing of the names at its ends', () => {
    const denial: Answer = { kind: 'denial', from: 'b.mesh', to: 'd.mesh', types: ['A'], ttlSeconds: 1 };
    const about = (name: string, type: RecordType = 'TXT'): boolean => isAbout(denial, { name, type });
    expect([about('a.mesh'), about('b.mesh'), about('b.mesh', 'A'), about('c.mesh'), about('d.mesh')]).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
  });
});

describe('a resolver', () => {
  test('asks once while the answer lives, also for what is denied', async () => {
    await zone.publish(publication, validator);
    const asked: string[] = [];
    const resolver = createResolver({
      crypto,
      clock,
      trust,
      async ask(question) {
        asked.push(question.name);
        return { answer: await zone.resolve(question) };
      },
    });
    const both = async (): Promise<void> => {
      await resolver.resolve('hello.mesh', 'A');
      await expect(resolver.resolve('nobody.mesh', 'A')).rejects.toMatchObject({
        code: 'trustchain.name_unknown',
        data: { exists: false },
      });
    };
    await both();
    await both();
    expect(asked).toEqual(['hello.mesh', 'nobody.mesh']);
    clock.step(30_000);
    await both();
    expect(asked).toEqual(['hello.mesh', 'nobody.mesh', 'hello.mesh']);
    clock.step(NEGATIVE_TTL_SECONDS * 1_000);
    await both();
    expect(asked).toHaveLength(5);
  });
});
