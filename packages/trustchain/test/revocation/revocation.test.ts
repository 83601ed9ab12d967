import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLog, type Log } from '../../src/log/log.ts';
import { decodeRevocation, encodeRevocation, REASON_CODES, reasonOf, type Revocation, voids } from '../../src/revocation/revocation.ts';
import {
  createRevocationLog,
  REVOCATION_PUBLISH_INTERVAL_MS,
  type RevocationLog,
  REVOCATIONS_BY_HOLDERS_MAX,
  SUPERSEDED_PER_NODE_MAX,
} from '../../src/revocation/revocation-log.ts';
import { createRevocationState, type RevocationState } from '../../src/revocation/revocation-state.ts';
import { RevocationTable } from '../../src/revocation/revocation-table.ts';
import {
  decodeRevocationUpdate,
  encodeRevocationUpdate,
  REVOCATION_COUNT_MAX,
  REVOCATION_LIFETIME_MS,
  type RevocationUpdate,
  signRevocationHead,
} from '../../src/revocation/update.ts';
import { verifyLogProof } from '../../src/verification/checkpoint-verification.ts';
import { bytesOf } from '../hex.ts';
import { NOW } from '../fixtures.ts';
import { createFolder, removeFolders } from '../log/fixtures.ts';
import {
  createMesh,
  logSigners,
  type MeshFixture,
  nextPolicy,
  NODE_ID,
  nodeOf,
  quorumFor,
  MESH_TIMEOUT_MS,
} from '../verification/fixtures.ts';

let mesh: MeshFixture;
beforeAll(async () => {
  mesh = await createMesh(1);
}, MESH_TIMEOUT_MS);
afterAll(async () => {
  await mesh.close();
  await removeFolders();
});

const refusal = (suffix: string) => expect.objectContaining({ code: `trustchain.${suffix}` });
const serialOf = (n: number): string => n.toString(16).padStart(40, '0');
const REVOKER = new Uint8Array(32).fill(3);
const sample: Revocation = { serial: serialOf(0xabc), reason: 'superseded', invalidityDate: null, time: 1000, revoker: REVOKER };

describe('entries', () => {
  test.each(Object.keys(REASON_CODES) as (keyof typeof REASON_CODES)[])('of reason %s round-trip', (reason) => {
    const revocation: Revocation = { ...sample, reason, invalidityDate: 5 };
    expect(decodeRevocation(encodeRevocation(revocation))).toEqual(revocation);
    expect(reasonOf(REASON_CODES[reason])).toBe(reason);
  });

  test('are the documented positional array', () => {
    expect(Buffer.from(encodeRevocation(sample)).toString('hex')).toBe(`8554${sample.serial}04f61903e85820${'03'.repeat(32)}`);
  });

  test.each([
    ['a reason without a word', encodeRevocation(sample).with(22, 7)],
    ['a short serial', bytesOf('85410004f61903e85820' + '03'.repeat(32))],
    ['trailing bytes', Uint8Array.of(...encodeRevocation(sample), 0)],
  ])('with %s are refused', (_, bytes) => {
    expect(() => decodeRevocation(bytes)).toThrow(refusal('revocation_malformed'));
  });

  test.each<[string, Partial<Revocation>, number, boolean]>([
    ['after it', {}, 1001, true],
    ['within the skew of clocks', {}, 1000 - 30_000, true],
    ['long before it', { time: 100_000 }, 50_000, false],
    ['before it, after the compromise', { time: 100_000, reason: 'key-compromise', invalidityDate: 40_000 }, 50_000, true],
    ['before the compromise', { time: 100_000, reason: 'key-compromise', invalidityDate: 60_000 }, 50_000, false],
    ['before it, compromise at an unknown time', { time: 100_000, reason: 'key-compromise' }, 50_000, false],
    ['before it, after a date of another reason', { time: 100_000, invalidityDate: 40_000 }, 50_000, false],
  ])('void a signature made %s', (_, change, at, expected) => {
    expect(voids({ ...sample, ...change }, at)).toBe(expected);
  });

  test('of one serial only grow worse', () => {
    const table = new RevocationTable();
    expect(table.find(sample.serial)).toBe(null);
    table.add(sample);
    table.add({ ...sample, time: 2000, reason: 'unspecified' });
    expect(table.find(sample.serial)).toEqual(sample);
    table.add({ ...sample, time: 3000, reason: 'key-compromise', invalidityDate: null });
    table.add({ ...sample, time: 4000, reason: 'key-compromise', invalidityDate: 500 });
    table.add({ ...sample, time: 5000, reason: 'key-compromise', invalidityDate: 700 });
    expect(table.find(sample.serial)).toEqual({ ...sample, reason: 'key-compromise', invalidityDate: 500 });
  });
});

interface Side {
  readonly clock: SteppedClock;
  readonly log: Log;
  readonly revocations: RevocationLog;
  readonly revoke: (n: number, change?: Partial<Revocation>) => ReturnType<RevocationLog['revoke']>;
}

const sides: Side[] = [];
afterAll(() => Promise.all(sides.map(({ log }) => log.close())));

async function createSide(directory?: string): Promise<Side> {
  const clock = new SteppedClock(NOW);
  const signers = logSigners(mesh.genesis, 'revocations', mesh.authority);
  const { crypto } = mesh.authority;
  const { origin } = mesh.trust.logs.revocations;
  const config = { directory: directory ?? (await createFolder()), origin, signers };
  const log = await createLog(config, { crypto, clock, witnesses: () => mesh.cosigning });
  const revocations = await createRevocationLog({ log, signers, clock, nodeOf });
  const side: Side = {
    clock,
    log,
    revocations,
    revoke: (n, change = {}) =>
      revocations.revoke({ serial: serialOf(n), reason: 'superseded', invalidityDate: null, revoker: REVOKER, ...change }),
  };
  sides.push(side);
  return side;
}

describe('the log of revocations', () => {
  test('answers with a receipt, once per serial', async () => {
    const { revoke, revocations, clock } = await createSide();
    const receipt = await revoke(1);
    const entry = encodeRevocation(revocations.find(serialOf(1)) as Revocation);
    const verification = { trust: mesh.trust, crypto: mesh.authority.crypto };
    expect(verifyLogProof(entry, receipt, 'revocations', verification).size).toBe(1);
    clock.step(5000);
    expect((await revoke(1)).index).toBe(0);
    expect((await revoke(1, { reason: 'key-compromise', invalidityDate: 7 })).index).toBe(1);
    expect((await revoke(1, { reason: 'key-compromise', invalidityDate: 3 })).index).toBe(0);
    expect(revocations.find(serialOf(1))).toMatchObject({ reason: 'key-compromise', invalidityDate: 7, time: clock.now() - 5000 });
    expect(decodeRevocationUpdate(revocations.update()).entries).toHaveLength(2);
  });

  test('refuses a serial that it does not know', async () => {
    const { revoke, revocations } = await createSide();
    await expect(revoke(0, { serial: 'f'.repeat(40) })).rejects.toThrow(refusal('serial_unknown'));
    expect(decodeRevocationUpdate(revocations.update()).entries).toHaveLength(0);
  });

  test('knows the revocations of a node, also once it is replayed', async () => {
    const { revoke, revocations, log, clock } = await createSide();
    await revoke(1);
    await revoke(2, { reason: 'key-compromise' });
    const signers = logSigners(mesh.genesis, 'revocations', mesh.authority);
    const again = await createRevocationLog({ log, signers, clock, nodeOf });
    for (const known of [revocations, again]) {
      expect(known.ofNode(NODE_ID).map(({ serial, reason }) => [serial, reason])).toEqual([
        [serialOf(1), 'superseded'],
        [serialOf(2), 'key-compromise'],
      ]);
      expect(known.ofNode(REVOKER)).toEqual([]);
    }
  });

  test('lets a node supersede only so many, and revoke for any other reason', async () => {
    const { revoke } = await createSide();
    for (let n = 1; n <= SUPERSEDED_PER_NODE_MAX; n++) await revoke(n);
    await expect(revoke(SUPERSEDED_PER_NODE_MAX + 1)).rejects.toThrow(refusal('revocation_full'));
    expect(await revoke(1)).toMatchObject({ index: 0 });
    await expect(revoke(SUPERSEDED_PER_NODE_MAX + 1, { reason: 'key-compromise' })).resolves.toMatchObject({
      index: SUPERSEDED_PER_NODE_MAX,
    });
  });

  test.each([
    ['half of it to those who revoke their own', REVOCATIONS_BY_HOLDERS_MAX, NODE_ID],
    ['all of it to operators', REVOCATION_COUNT_MAX, REVOKER],
  ])('gives %s', async (_what, countMax, revoker) => {
    const { revoke, log } = await createSide();
    const size = vi.spyOn(log, 'size').mockReturnValue(countMax);
    await expect(revoke(1, { reason: 'unspecified', revoker })).rejects.toThrow(refusal('revocation_full'));
    size.mockReturnValue(countMax - 1);
    await expect(revoke(1, { reason: 'unspecified', revoker })).resolves.toMatchObject({ index: 0 });
  });

  test('hands out deltas, and refuses sizes that it does not have', async () => {
    const { revoke, revocations } = await createSide();
    await Promise.all([revoke(1), revoke(2), revoke(3)]);
    const delta = decodeRevocationUpdate(revocations.update(2));
    expect([delta.from, delta.entries.length]).toEqual([2, 1]);
    expect(() => revocations.update(4)).toThrow(refusal('log_range'));
    expect(() => revocations.update(-1)).toThrow(refusal('log_range'));
  });

  test('signs a new head every minute until it stops', async () => {
    const { revocations, clock } = await createSide();
    const heads: number[] = [];
    const signed: (() => void)[] = [];
    const unsubscribe = revocations.onChange(() => {
      heads.push(decodeRevocationUpdate(revocations.update()).head.thisUpdate);
      signed.shift()?.();
    });
    const next = (): Promise<void> => new Promise((resolve) => signed.push(resolve));
    const start = clock.now();
    revocations.start(() => undefined);
    for (let minute = 0; minute < 3; minute++) {
      const head = next();
      clock.step(REVOCATION_PUBLISH_INTERVAL_MS);
      await head;
    }
    expect(heads).toEqual([60_000, 120_000, 180_000].map((ms) => start + ms));
    expect(revocations.nextUpdate()).toBe(start + 180_000 + REVOCATION_LIFETIME_MS);
    revocations.stop();
    clock.step(REVOCATION_PUBLISH_INTERVAL_MS);
    await revocations.publish();
    expect(heads).toHaveLength(4);
    unsubscribe();
  });

  test('is replayed when it is opened', async () => {
    const { revoke, log, clock } = await createSide();
    await revoke(7);
    const signers = logSigners(mesh.genesis, 'revocations', mesh.authority);
    const again = await createRevocationLog({ log, signers, clock, nodeOf });
    expect(again.find(serialOf(7))).toMatchObject({ serial: serialOf(7) });
    expect((await again.revoke({ serial: serialOf(7), reason: 'superseded', invalidityDate: null, revoker: REVOKER })).index).toBe(0);
  });
});

describe('the state of a verifier', () => {
  let side: Side;
  let path: string;
  let state: RevocationState;
  const createState = (): Promise<RevocationState> =>
    createRevocationState({ trust: mesh.trust, crypto: mesh.authority.crypto, clock: side.clock, path });
  const resign = async (change: Partial<RevocationUpdate['head']>, update = side.revocations.update()): Promise<Uint8Array> => {
    const decoded = decodeRevocationUpdate(update);
    const head = { ...decoded.head, ...change };
    const signature = await signRevocationHead(head, logSigners(mesh.genesis, 'revocations', mesh.authority));
    return encodeRevocationUpdate({ ...decoded, head, signature });
  };

  beforeEach(async () => {
    side = await createSide();
    path = join(await createFolder(), 'revocations');
    state = await createState();
    await side.revoke(1);
  });

  test('starts with nothing, which is stale', () => {
    expect([state.size(), state.thisUpdate(), state.nextUpdate(), state.snapshot()]).toEqual([0, null, null, null]);
    expect(state.find(serialOf(1))).toBe(null);
  });

  test('takes a snapshot, then deltas, and tells its listeners of what is new', async () => {
    let calls = 0;
    const unsubscribe = state.onChange(() => calls++);
    expect(await state.apply(side.revocations.update())).toBe(true);
    expect(await state.apply(side.revocations.update())).toBe(false);
    expect([state.size(), calls]).toEqual([1, 1]);
    side.clock.step(60_000);
    await side.revocations.publish();
    expect(await state.apply(side.revocations.update(1))).toBe(true);
    expect([state.thisUpdate(), calls]).toEqual([side.clock.now(), 1]);
    await side.revoke(2);
    await side.revoke(3);
    expect(await state.apply(side.revocations.update(state.size()))).toBe(true);
    expect([state.size(), calls]).toEqual([3, 2]);
    expect(state.find(serialOf(3))?.serial).toBe(serialOf(3));
    side.clock.step(REVOCATION_LIFETIME_MS + 1);
    await side.revocations.publish();
    await state.apply(side.revocations.update(2));
    expect(calls).toBe(3);
    unsubscribe();
    await side.revoke(4);
    await state.apply(side.revocations.update(3));
    expect(calls).toBe(3);
  });

  test('survives a restart, and can be handed on as a snapshot', async () => {
    await state.apply(side.revocations.update());
    await side.revoke(2);
    await state.apply(side.revocations.update(1));
    const again = await createState();
    expect([again.size(), again.nextUpdate()]).toEqual([2, state.nextUpdate()]);
    expect(again.find(serialOf(2))).not.toBe(null);
    side.clock.step(-3_600_000);
    expect((await createState()).size()).toBe(2);
    side.clock.step(3_600_000);
    const other = await createRevocationState({ trust: mesh.trust, crypto: mesh.authority.crypto, clock: side.clock });
    expect(await other.apply(again.snapshot() as Uint8Array)).toBe(true);
    expect(other.size()).toBe(2);
  });

  test('does not start from a damaged file', async () => {
    await state.apply(side.revocations.update());
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, -1));
    await expect(createState()).rejects.toThrow(refusal('revocation_malformed'));
    await writeFile(path, bytes.with(40, (bytes[40] as number) ^ 1));
    await expect(createState()).rejects.toThrow(refusal('revocation_malformed'));
    await writeFile(path, new Uint8Array(4 * 1024 * 1024 + 1));
    await expect(createState()).rejects.toThrow(refusal('revocation_malformed'));
  });

  test('refuses what is older', async () => {
    const old = side.revocations.update();
    side.clock.step(1000);
    await side.revocations.publish();
    await state.apply(side.revocations.update());
    await expect(state.apply(old)).rejects.toThrow(refusal('revocation_rollback'));
    await side.revoke(2);
    await state.apply(side.revocations.update());
    await expect(state.apply(old)).rejects.toThrow(refusal('revocation_rollback'));
    const shorter = await resign({ thisUpdate: side.clock.now() }, old);
    await expect(state.apply(shorter)).rejects.toThrow(refusal('revocation_rollback'));
    expect(state.size()).toBe(2);
  });

  test('refuses another history, of the same length or longer', async () => {
    await state.apply(side.revocations.update());
    const fork = await createSide();
    await fork.revoke(9);
    await expect(state.apply(fork.revocations.update())).rejects.toThrow(refusal('log_inconsistent'));
    await expect(state.apply(fork.revocations.update(1))).rejects.toThrow(refusal('log_inconsistent'));
    await fork.revoke(8);
    await expect(state.apply(fork.revocations.update())).rejects.toThrow(refusal('log_inconsistent'));
    await expect(state.apply(fork.revocations.update(1))).rejects.toThrow(refusal('log_inconsistent'));
    expect(state.find(serialOf(9))).toBe(null);
  });

  test.each<[string, string, (update: RevocationUpdate) => Promise<Uint8Array> | Uint8Array]>([
    ['a gap', 'revocation_malformed', (update) => encodeRevocationUpdate({ ...update, from: 1, entries: [] })],
    ['a missing entry', 'revocation_malformed', (update) => encodeRevocationUpdate({ ...update, entries: [] })],
    ['another entry', 'revocation_malformed', (update) => encodeRevocationUpdate({ ...update, entries: [encodeRevocation(sample)] })],
    ['an entry that is none', 'revocation_malformed', (update) => encodeRevocationUpdate({ ...update, entries: [Uint8Array.of(1)] })],
    [
      'another time, not signed',
      'signature_failed',
      (update) => encodeRevocationUpdate({ ...update, head: { ...update.head, thisUpdate: update.head.thisUpdate + 1 } }),
    ],
    [
      'a head from the future',
      'revocation_malformed',
      (update) => resign({ thisUpdate: update.head.thisUpdate + 31_000, nextUpdate: update.head.nextUpdate + 1000 }),
    ],
    ['a longer life', 'revocation_malformed', (update) => resign({ nextUpdate: update.head.nextUpdate + 1 })],
    ['no life', 'revocation_malformed', (update) => resign({ nextUpdate: update.head.thisUpdate })],
    ['a checkpoint of another log', 'checkpoint_unsigned', () => resign({ checkpoint: mesh.certificates.checkpoint() })],
    ['garbage', 'revocation_malformed', () => Uint8Array.of(0x80)],
  ])('refuses %s', async (_, code, change) => {
    const update = await change(decodeRevocationUpdate(side.revocations.update()));
    await expect(state.apply(update)).rejects.toThrow(refusal(code));
    expect(state.size()).toBe(0);
  });

  test('demands cosignatures once the policy does; what is on disk was judged in its day', async () => {
    await state.apply(side.revocations.update());
    await mesh.trust.adopt([await nextPolicy(mesh)]);
    side.clock.step(1000);
    await side.revocations.publish();
    await expect(state.apply(side.revocations.update())).rejects.toThrow(refusal('witness_quorum_missing'));
    expect((await createState()).size()).toBe(1);
    mesh.cosigning = quorumFor(mesh);
    await side.log.refresh();
    await side.revocations.publish();
    expect(await state.apply(side.revocations.update())).toBe(true);
  });
});
