import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type CountersignedCount,
  countersign,
  ownerAccount,
  PRICE_CORE_HOUR_UNITS,
  PRICE_GIB_HOUR_UNITS,
  PRICE_REQUEST_UNITS,
  type RequestCount,
  REQUESTS_PER_SECOND_MAX,
} from '@hypermesh/caesar';
import { createCrypto, type Crypto, type HybridSigner } from '@hypermesh/stoq';
import { codeOf, HOUR, Ledger, MESH_ID, OWNER, PLACEMENT, PROVIDER, STRANGER } from '../fixture.ts';
import { idOf } from '../map-state.ts';

const INGRESS = new Uint8Array(32).fill(9);
const OTHER_INGRESS = new Uint8Array(32).fill(7);
const OWN_INGRESS = new Uint8Array(32).fill(8);
const GUEST = new Uint8Array(32).fill(4);
const COUNT: RequestCount = { meshId: MESH_ID, placement: PLACEMENT.id, ingress: INGRESS, requests: 100 };
const LEASE_HOUR = PRICE_CORE_HOUR_UNITS + PRICE_GIB_HOUR_UNITS;

let crypto: Crypto;
let signer: HybridSigner;
let ledger: Ledger;

beforeAll(async () => {
  crypto = await createCrypto();
  signer = crypto.createHybridSigner(await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024'));
  return () => crypto.close();
});

beforeEach(() => {
  ledger = new Ledger((key, message, signature) => crypto.verifyHybrid(key, message, signature));
  ledger.ingresses.set(INGRESS, { owner: STRANGER, key: signer.publicKey });
  ledger.ingresses.set(OTHER_INGRESS, { owner: GUEST, key: signer.publicKey });
  ledger.ingresses.set(OWN_INGRESS, { owner: PROVIDER, key: signer.publicKey });
  ledger.fund(1_000_000_000n);
});

async function submit(changes: Partial<RequestCount>, time = 1_000): Promise<string> {
  const counted = await countersign({ ...COUNT, ...changes }, signer);
  return codeOf(() => ledger.apply(PROVIDER, time, { kind: 'requests.count', counted }));
}

const paidOf = (time: number, after: number): bigint | undefined =>
  ledger.close(time, after).paid.find(({ account }) => account === ownerAccount(PROVIDER))?.amount;

describe('request counts', () => {
  it('are paid once, and one that is not higher changes nothing', async () => {
    for (const requests of [100, 100, 99]) expect(await submit({ requests })).toBe('none');
    expect(paidOf(HOUR, 0)).toBe(LEASE_HOUR + 100n * PRICE_REQUEST_UNITS);
    expect(await submit({ requests: 101 })).toBe('none');
    expect(await submit({ requests: 5, ingress: OTHER_INGRESS })).toBe('none');
    expect(paidOf(2 * HOUR, 1)).toBe(LEASE_HOUR + 6n * PRICE_REQUEST_UNITS);
    expect(paidOf(3 * HOUR, 2)).toBe(LEASE_HOUR);
  });

  it('are refused when they are forged, foreign, self-dealt or of an unknown placement or ingress', async () => {
    const good = await countersign(COUNT, signer);
    const cases: [string, Uint8Array, CountersignedCount][] = [
      ['caesar.count_forged', PROVIDER, { ...good, count: { ...COUNT, requests: 101 } }],
      ['caesar.count_forged', PROVIDER, await countersign({ ...COUNT, meshId: new Uint8Array(32).fill(7) }, signer)],
      ['caesar.count_forged', PROVIDER, await countersign({ ...COUNT, ingress: STRANGER }, signer)],
      ['caesar.count_self_dealing', PROVIDER, await countersign({ ...COUNT, ingress: OWN_INGRESS }, signer)],
      ['caesar.placement_unknown', PROVIDER, await countersign({ ...COUNT, placement: 'hello-9' }, signer)],
      ['caesar.not_authorised', STRANGER, good],
    ];
    for (const [code, submitter, counted] of cases) {
      expect(codeOf(() => ledger.apply(submitter, 1_000, { kind: 'requests.count', counted }))).toBe(code);
    }
  });

  it.each([
    ['the provider invited the owner of the ingress', INGRESS, PROVIDER],
    ['the owner of the ingress invited the provider', PROVIDER, STRANGER],
  ])('are self-dealt when %s', async (_case, guest, host) => {
    ledger.invitedBy.set(guest, host);
    expect(await submit({})).toBe('caesar.count_self_dealing');
  });

  it('are bounded by what a replica may answer in its lease time through all ingresses', async () => {
    expect(await submit({ requests: REQUESTS_PER_SECOND_MAX + 1 })).toBe('caesar.count_excessive');
    expect(await submit({ requests: REQUESTS_PER_SECOND_MAX })).toBe('none');
    expect(await submit({ requests: 1, ingress: OTHER_INGRESS })).toBe('caesar.count_excessive');
    ledger.placements = [{ ...PLACEMENT, closedAt: 2_000 }];
    expect(await submit({ requests: 2 * REQUESTS_PER_SECOND_MAX + 1 }, HOUR)).toBe('caesar.count_excessive');
    expect(await submit({ requests: 2 * REQUESTS_PER_SECOND_MAX }, HOUR)).toBe('none');
  });

  it('are paid after the last bill of a closed placement, and keep the escrow until then', async () => {
    ledger.placements = [{ ...PLACEMENT, closedAt: HOUR }];
    expect(paidOf(HOUR, 0)).toBe(LEASE_HOUR);
    expect(await submit({}, HOUR + 1)).toBe('none');
    const closeEscrow = (): unknown => ledger.apply(OWNER, HOUR + 2, { kind: 'escrow.close', id: idOf(2), app: 'hello' });
    expect(codeOf(closeEscrow)).toBe('caesar.escrow_in_use');
    expect(paidOf(2 * HOUR, 1)).toBe(100n * PRICE_REQUEST_UNITS);
    expect(codeOf(closeEscrow)).toBe('none');
  });

  it('leave nothing behind when the mesh has forgotten the placement', async () => {
    ledger.close(1_000, 0);
    const keysOf = (id: string): string[] =>
      [...ledger.state.scan(new Uint8Array())].map(([key]) => Buffer.from(key).toString()).filter((key) => key.includes(id));
    expect(await submit({}, 2_000)).toBe('none');
    expect(keysOf('hello-1')).not.toEqual([]);
    ledger.placements = [{ ...PLACEMENT, closedAt: HOUR }];
    ledger.close(HOUR, 1);
    expect(keysOf('hello-1')).not.toEqual([]);
    ledger.placements = [];
    ledger.close(2 * HOUR, 2);
    expect(keysOf('hello-1')).toEqual([]);
  });
});
