import { beforeAll, describe, expect, it } from 'vitest';
import {
  type BilledPlacement,
  caesarOperationCodec,
  type CaesarOperation,
  CAESAR_QUERIES,
  countersign,
  createCaesarMachine,
  escrowAvailable,
  issueSupply,
  leasePrice,
  ownerAccount,
  periodCodec,
  posted,
  PRICE_CORE_HOUR_UNITS,
  PRICE_GIB_HOUR_UNITS,
  PRICE_REQUEST_UNITS,
  type RequestCount,
  SUPPLY_UNITS,
  totalUnits,
} from '@hypermesh/caesar';
import type { Machine, StateWriter } from '@hypermesh/mesh/machine';
import { createCrypto, type Crypto, decode, encode, hashLabelled, type HybridSigner } from '@hypermesh/stoq';
import { contextOf, createMapState, idOf } from '../map-state.ts';

const OWNER = new Uint8Array(32).fill(1);
const PROVIDER = new Uint8Array(32).fill(2);
const STRANGER = new Uint8Array(32).fill(3);
const INGRESS = new Uint8Array(32).fill(9);
const OWN_INGRESS = new Uint8Array(32).fill(8);
const MESH_ID = new Uint8Array(32);
const HOUR = 3_600_000;
const PLACEMENT: BilledPlacement = {
  id: 'hello-1',
  app: 'hello',
  appOwner: OWNER,
  provider: PROVIDER,
  openedAt: 0,
  closedAt: null,
  memoryBytes: 2 ** 30,
  cpuMillis: 1_000,
};

let crypto: Crypto;
let ingressSigner: HybridSigner;
let machine: Machine;
let placements: BilledPlacement[];

beforeAll(async () => {
  crypto = await createCrypto();
  ingressSigner = crypto.createHybridSigner(await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024'));
  machine = createCaesarMachine({
    verifyHybrid: (key, message, signature) => crypto.verifyHybrid(key, message, signature),
    placements: () => ({
      placements: () => placements,
      placement: (id) => placements.find((placement) => placement.id === id),
      node: (id) => {
        if (Buffer.compare(id, INGRESS) === 0) return { owner: STRANGER, key: ingressSigner.publicKey };
        return Buffer.compare(id, OWN_INGRESS) === 0 ? { owner: PROVIDER, key: ingressSigner.publicKey } : undefined;
      },
    }),
  });
  return () => crypto.close();
});

function fresh(): StateWriter {
  const state = createMapState();
  issueSupply(state, [
    { account: ownerAccount(OWNER), amount: 10_000_000_000n },
    { account: 'pool/rewards', amount: SUPPLY_UNITS - 10_000_000_000n },
  ]);
  state.set(new TextEncoder().encode('mesh-id/'), MESH_ID);
  placements = [PLACEMENT];
  return state;
}

function apply(state: StateWriter, owner: Uint8Array, time: number, operation: CaesarOperation): Uint8Array {
  return machine.apply(state, encode(caesarOperationCodec, operation), contextOf(owner, time, createMapState()));
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code ?? 'untyped';
  }
}

const fund = (amount: bigint, id = 1): CaesarOperation => ({ kind: 'escrow.fund', id: idOf(id), app: 'hello', amount });

describe('caesar machine', () => {
  it('bills lease time from escrow, once, and keeps the books at zero error', () => {
    const state = fresh();
    apply(state, OWNER, 1, fund(1_000_000_000n));
    const period = decode(periodCodec, apply(state, STRANGER, HOUR, { kind: 'period.close', after: 0 }));
    expect(period).toMatchObject({ number: 1, from: 0, to: HOUR, totalBefore: SUPPLY_UNITS, totalAfter: SUPPLY_UNITS });
    expect(period.paid).toEqual([{ account: ownerAccount(PROVIDER), amount: PRICE_CORE_HOUR_UNITS + PRICE_GIB_HOUR_UNITS }]);
    const second = decode(periodCodec, apply(state, STRANGER, HOUR + 1_000, { kind: 'period.close', after: 1 }));
    expect(second.paid[0]?.amount).toBe(leasePrice(placements[0]!, 1_000));
    expect(totalUnits(state)).toBe(SUPPLY_UNITS);
  });

  it('never pays more than the escrow holds', () => {
    const state = fresh();
    apply(state, OWNER, 1, fund(5n));
    const period = decode(periodCodec, apply(state, STRANGER, HOUR, { kind: 'period.close', after: 0 }));
    expect(period.paid).toEqual([{ account: ownerAccount(PROVIDER), amount: 5n }]);
    expect(escrowAvailable(state, OWNER, 'hello')).toBe(0n);
  });

  it('pays countersigned requests once', async () => {
    const state = fresh();
    apply(state, OWNER, 1, fund(1_000_000_000n));
    const count: RequestCount = { meshId: MESH_ID, placement: 'hello-1', ingress: INGRESS, requests: 100 };
    const counted = await countersign(count, ingressSigner);
    apply(state, PROVIDER, 2, { kind: 'requests.count', counted });
    expect(codeOf(() => apply(state, PROVIDER, 3, { kind: 'requests.count', counted }))).toBe('caesar.count_stale');
    const period = decode(periodCodec, apply(state, STRANGER, HOUR, { kind: 'period.close', after: 0 }));
    expect(period.paid[0]?.amount).toBe(PRICE_CORE_HOUR_UNITS + PRICE_GIB_HOUR_UNITS + 100n * PRICE_REQUEST_UNITS);
    const next = decode(periodCodec, apply(state, STRANGER, 2 * HOUR, { kind: 'period.close', after: 1 }));
    expect(next.paid[0]?.amount).toBe(PRICE_CORE_HOUR_UNITS + PRICE_GIB_HOUR_UNITS);
  });

  it('refuses forged, foreign, self-dealt and unknown counts', async () => {
    const state = fresh();
    const count: RequestCount = { meshId: MESH_ID, placement: 'hello-1', ingress: INGRESS, requests: 100 };
    const good = await countersign(count, ingressSigner);
    const cases: [string, Uint8Array, typeof good][] = [
      ['caesar.count_forged', PROVIDER, { ...good, count: { ...count, requests: 101 } }],
      ['caesar.count_forged', PROVIDER, await countersign({ ...count, meshId: new Uint8Array(32).fill(7) }, ingressSigner)],
      ['caesar.count_forged', PROVIDER, await countersign({ ...count, ingress: STRANGER }, ingressSigner)],
      ['caesar.count_self_dealing', PROVIDER, await countersign({ ...count, ingress: OWN_INGRESS }, ingressSigner)],
      ['caesar.placement_unknown', PROVIDER, await countersign({ ...count, placement: 'p9' }, ingressSigner)],
      ['caesar.not_authorised', STRANGER, good],
    ];
    for (const [code, submitter, counted] of cases) {
      expect(codeOf(() => apply(state, submitter, 2, { kind: 'requests.count', counted }))).toBe(code);
    }
  });

  it('settles before it gives the rest of an escrow back', () => {
    const state = fresh();
    apply(state, OWNER, 1, fund(1_000_000_000n));
    expect(codeOf(() => apply(state, OWNER, 2, { kind: 'escrow.close', id: idOf(2), app: 'hello' }))).toBe('caesar.escrow_in_use');
    placements = placements.map((placement) => ({ ...placement, closedAt: HOUR }));
    apply(state, STRANGER, 2 * HOUR, { kind: 'period.close', after: 0 });
    apply(state, OWNER, 2 * HOUR, { kind: 'escrow.close', id: idOf(2), app: 'hello' });
    expect(codeOf(() => apply(state, OWNER, 2 * HOUR, { kind: 'escrow.close', id: idOf(3), app: 'hello' }))).toBe('caesar.escrow_unknown');
    const account = decode(
      CAESAR_QUERIES.account.answer,
      machine.query!(state, 'account', encode(CAESAR_QUERIES.account.argument, ownerAccount(OWNER))),
    );
    expect(account.balance).toBe(10_000_000_000n - PRICE_CORE_HOUR_UNITS - PRICE_GIB_HOUR_UNITS);
  });

  it('settles whatever ids the owner of an escrow has chosen', () => {
    const state = fresh();
    const key = `1/${Buffer.from(OWNER).toString('hex')}/hello/${ownerAccount(PROVIDER)}`;
    const id = hashLabelled('caesar/settlement/1', Buffer.from(key)).subarray(0, 16);
    placements = [];
    apply(state, OWNER, 1, fund(1n));
    apply(state, OWNER, 1, { kind: 'escrow.close', id, app: 'hello' });
    apply(state, OWNER, 1, fund(1_000_000_000n, 2));
    placements = [PLACEMENT];
    const period = decode(periodCodec, apply(state, STRANGER, HOUR, { kind: 'period.close', after: 0 }));
    expect(period.paid).toHaveLength(1);
  });

  it('leaves an escrow open when the id of its close was used before', () => {
    const state = fresh();
    placements = [];
    for (const id of [1, 2]) {
      apply(state, OWNER, id, fund(100n, id));
      const close = (): Uint8Array => apply(state, OWNER, id, { kind: 'escrow.close', id: idOf(7), app: 'hello' });
      expect(codeOf(close)).toBe(id === 1 ? 'none' : 'caesar.transfer_conflict');
    }
    expect(escrowAvailable(state, OWNER, 'hello')).toBe(100n);
  });

  it('lets nobody debit another account, mint or reach an escrow directly', () => {
    const state = fresh();
    const steal = posted(idOf(1), ownerAccount(OWNER), ownerAccount(STRANGER), 1n);
    const mint = posted(idOf(1), 'issuance', ownerAccount(STRANGER), 1n);
    const backdoor = posted(idOf(1), ownerAccount(OWNER), 'escrow/x', 1n);
    expect(codeOf(() => apply(state, STRANGER, 1, { kind: 'transfers', transfers: [steal] }))).toBe('caesar.not_authorised');
    expect(codeOf(() => apply(state, STRANGER, 1, { kind: 'transfers', transfers: [mint] }))).toBe('caesar.not_authorised');
    expect(codeOf(() => apply(state, OWNER, 1, { kind: 'transfers', transfers: [backdoor] }))).toBe('caesar.account_invalid');
    apply(state, OWNER, 1, { kind: 'transfers', transfers: [posted(idOf(1), ownerAccount(OWNER), ownerAccount(STRANGER), 3n)] });
    expect(totalUnits(state)).toBe(SUPPLY_UNITS);
  });

  it('closes one period for two callers, and none too early', () => {
    const state = fresh();
    expect(codeOf(() => apply(state, STRANGER, 999, { kind: 'period.close', after: 0 }))).toBe('caesar.period_too_early');
    apply(state, STRANGER, 5_000, { kind: 'period.close', after: 0 });
    expect(codeOf(() => apply(state, STRANGER, 9_000, { kind: 'period.close', after: 0 }))).toBe('caesar.period_too_early');
  });

  it('answers queries and refuses unknown ones', () => {
    const state = fresh();
    apply(state, OWNER, 1, fund(7n));
    const ask = <T>(method: keyof typeof CAESAR_QUERIES, argument: T): Uint8Array =>
      machine.query!(state, method, encode(CAESAR_QUERIES[method].argument as never, argument as never));
    expect(decode(CAESAR_QUERIES.escrow.answer, ask('escrow', { owner: OWNER, app: 'hello' }))).toMatchObject({ available: 7n });
    expect(decode(CAESAR_QUERIES.escrow.answer, ask('escrow', { owner: OWNER, app: 'other' }))).toBeNull();
    expect(decode(CAESAR_QUERIES['period.last'].answer, ask('period.last', 0))).toBe(0);
    expect(decode(CAESAR_QUERIES.period.answer, ask('period', 1))).toBeNull();
    expect(decode(CAESAR_QUERIES.accounts.answer, ask('accounts', ''))).toHaveLength(4);
    expect(decode(CAESAR_QUERIES.audit.answer, ask('audit', 0))).toMatchObject({ total: SUPPLY_UNITS, accounts: 4 });
    expect(codeOf(() => ask('account', 'owner/nobody'))).toBe('caesar.account_unknown');
    expect(codeOf(() => machine.query!(state, 'constructor', new Uint8Array()))).toBe('caesar.query_unknown');
  });

  it('refuses malformed operations with a code', () => {
    expect(codeOf(() => machine.apply(fresh(), new Uint8Array([0xff]), contextOf(OWNER, 1)))).toBe('caesar.operation_malformed');
  });
});
