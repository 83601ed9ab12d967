import { join } from 'node:path';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createInvitations, type Invitation, type Invitations } from '../../src/enrolment/invitations.ts';
import { openStateStore, type StateStore } from '../../src/service/state-store.ts';
import { NOW } from '../fixtures.ts';
import { createFolder, removeFolders } from '../log/fixtures.ts';

const HOUR_MS = 3_600_000;
const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const invitation: Invitation = { tokenHash: hash(1), roles: ['node'], names: ['n.mesh'], expiresAt: NOW + HOUR_MS };

let path: string;
let clock: SteppedClock;
let store: StateStore;
let invitations: Invitations;

beforeEach(async () => {
  path = join(await createFolder(), 'state');
  clock = new SteppedClock(NOW);
  await reopen();
  await invitations.add([invitation]);
});
afterEach(() => store.close());
afterAll(removeFolders);

async function reopen(): Promise<void> {
  await store?.close().catch(() => undefined);
  store = await openStateStore(path);
  invitations = createInvitations(store.map('invitations'), clock);
}

describe('an invitation', () => {
  test('is found until it is spent, and afterwards by the request that it was spent on', async () => {
    expect(await invitations.find(hash(1), hash(9))).toMatchObject(invitation);
    await invitations.spend(hash(1), hash(9));
    expect(await invitations.find(hash(1), hash(9))).toMatchObject(invitation);
    await expect(invitations.find(hash(1), hash(8))).rejects.toMatchObject({ code: 'trustchain.token_used' });
    await expect(invitations.spend(hash(1), hash(8))).rejects.toMatchObject({ code: 'trustchain.token_used' });
    await invitations.spend(hash(1), hash(9));
  });

  test('goes to one of two requests that race for it', async () => {
    const outcomes = await Promise.allSettled([invitations.spend(hash(1), hash(8)), invitations.spend(hash(1), hash(9))]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  test('stays spent after a restart, also when it is imported again', async () => {
    await invitations.spend(hash(1), hash(9));
    await reopen();
    await invitations.add([invitation]);
    await expect(invitations.find(hash(1), hash(8))).rejects.toMatchObject({ code: 'trustchain.token_used' });
  });

  test('ends at its time, and is then removed', async () => {
    await expect(invitations.find(hash(2), hash(9))).rejects.toMatchObject({ data: { reason: 'unknown' } });
    expect(await invitations.sweep()).toBe(1);
    clock.step(HOUR_MS);
    await expect(invitations.find(hash(1), hash(9))).rejects.toMatchObject({
      code: 'trustchain.token_invalid',
      data: { reason: 'expired' },
    });
    expect(await invitations.sweep()).toBe(0);
    await expect(invitations.find(hash(1), hash(9))).rejects.toMatchObject({ data: { reason: 'unknown' } });
  });
});

test('state that another process holds is not opened', async () => {
  await expect(openStateStore(path)).rejects.toMatchObject({ code: 'trustchain.state_corrupt' });
});
