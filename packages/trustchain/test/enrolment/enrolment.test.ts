import { join } from 'node:path';
import { type PeerIdentity, systemEntropy } from '@hypermesh/stoq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createIssuer, type Issuer } from '../../src/ca/issuer.ts';
import { decodeBundle } from '../../src/certificate/bundle.ts';
import { parseCertificate } from '../../src/certificate/certificate.ts';
import { createRequest, parseRequest } from '../../src/certificate/request.ts';
import { LEAF_LIFETIME_MS_MAX, RENEW_EXPIRED_MS_MAX } from '../../src/constants.ts';
import { createChallenges } from '../../src/enrolment/challenges.ts';
import { createEnrolment, type Enrolment } from '../../src/enrolment/enrolment.ts';
import { createInvitations, type Invitations } from '../../src/enrolment/invitations.ts';
import { tokenHashOf } from '../../src/enrolment/join-token.ts';
import { provePossession } from '../../src/enrolment/possession.ts';
import { nodeIdOf } from '../../src/genesis/ids.ts';
import { createLog, type Log, openLog } from '../../src/log/log.ts';
import type { LogSigners } from '../../src/note/log-signature.ts';
import { createTokenPolicy, type IssuancePolicy } from '../../src/policy/policy.ts';
import type { Revocation } from '../../src/revocation/revocation.ts';
import { createNameHolder } from '../../src/service/name-holder.ts';
import { createRegister, type Register } from '../../src/service/register.ts';
import { openStateStore, type StateStore } from '../../src/service/state-store.ts';
import { type AuthorityFixture, createAuthority, createKeys, type Keys, NOW } from '../fixtures.ts';
import { createFolder, createLogSigners, createSteppedClock, ORIGIN, removeFolders, type SteppedClock } from '../log/fixtures.ts';

// FALCON keys take 50 ms of a core each, and test files run side by side.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const HOUR_MS = 3_600_000;
const SECRET = new Uint8Array(32).fill(5);
const options = { signal: new AbortController().signal };

let authority: AuthorityFixture;
let signers: LogSigners;
let keys: Keys;
let other: Keys;
let folder: string;
let clock: SteppedClock;
let log: Log;
let store: StateStore;
let invitations: Invitations;
let register: Register;
let enrolment: Enrolment;
let policy: IssuancePolicy;
let revocations: Map<string, Revocation>;
/** Set by a test to end the process, as it were, at that step. */
let crashAt: 'before policy' | 'before issue' | 'after log' | null;

beforeAll(async () => {
  authority = await createAuthority();
  [signers, keys, other] = [
    await createLogSigners(authority.crypto),
    await createKeys(authority.crypto),
    await createKeys(authority.crypto),
  ];
});
afterAll(async () => {
  await authority.crypto.close();
  await removeFolders();
});
beforeEach(async () => {
  folder = await createFolder();
  clock = createSteppedClock();
  crashAt = null;
  policy = createTokenPolicy();
  revocations = new Map();
  log = await createLog({ directory: join(folder, 'log'), origin: ORIGIN, signers }, { crypto: authority.crypto, clock });
  await open();
  const tokenHash = tokenHashOf(authority.meshId, SECRET);
  await invitations.add([{ tokenHash, roles: ['node'], names: ['a.mesh', 'b.example', '::1'], expiresAt: NOW + 1_000 * HOUR_MS }]);
});
afterEach(async () => {
  await log.close();
  await store.close();
});

async function open(): Promise<void> {
  const { crypto, meshId, intermediate, issuerKeys } = authority;
  store = await openStateStore(join(folder, 'state'));
  invitations = createInvitations(store.map('invitations'), clock);
  register = createRegister(store.map('register'), log);
  await register.follow();
  const issuer = createIssuer(
    { intermediate, leafLifetimeMs: LEAF_LIFETIME_MS_MAX },
    { crypto, clock, entropy: systemEntropy, keys: issuerKeys.pair, log },
  );
  const fragile: Issuer = {
    ...issuer,
    async issue(...args) {
      crash('before issue');
      const bundle = await issuer.issue(...args);
      crash('after log');
      return bundle;
    },
  };
  const view = { find: (serial: string) => revocations.get(serial) ?? null };
  enrolment = createEnrolment({
    crypto,
    clock,
    meshId,
    zone: 'mesh',
    issuer: fragile,
    invitations,
    challenges: createChallenges({ clock, entropy: systemEntropy }),
    register,
    policy: () => ({
      decide(...args) {
        crash('before policy');
        return policy.decide(...args);
      },
    }),
    revocations: view,
    holderOf: createNameHolder({ register, revocations: view, clock }),
  });
}

function crash(step: NonNullable<typeof crashAt>): void {
  if (crashAt === step) expect.unreachable('power cut');
}

/** Everything from disk, as a new process finds it. */
async function restart(): Promise<void> {
  crashAt = null;
  await log.close();
  await store.close();
  log = await openLog({ directory: join(folder, 'log'), origin: ORIGIN, signers }, { crypto: authority.crypto, clock });
  await open();
}

function session(of: Keys): PeerIdentity {
  const base = { roles: [], names: [], notAfter: null, revocationIds: [], restricted: true } as const;
  return { ...base, kind: 'raw-key', id: new Uint8Array(32), key: of.publicKey };
}

async function submit(
  kind: 'enrol' | 'renew',
  of: Keys = keys,
  names: readonly string[] = ['a.mesh'],
  secret: Uint8Array = SECRET,
): Promise<Uint8Array> {
  const { meshId } = authority;
  const request = await createRequest(of.pair, { meshId, kemKey: of.kem.publicKey, roles: ['node'], names });
  const { challenge, ciphertext } = enrolment.challenge(request, session(of));
  const tokenHash = kind === 'enrol' ? tokenHashOf(meshId, secret) : null;
  const statement = { meshId, challenge, requestDigest: parseRequest(request).digest, tokenHash };
  const signer = authority.crypto.createHybridSigner(of.classical, of.postQuantum);
  const proof = await provePossession(statement, ciphertext, { signer, kem: of.kem.secretKey });
  const submission = { challenge, request, proof };
  return kind === 'enrol' ? enrolment.enrol(submission, secret, session(of), options) : enrolment.renew(submission, session(of), options);
}

const leafOf = (bundle: Uint8Array) => parseCertificate(decodeBundle(bundle).leaf);
const nodeId = (of: Keys): Uint8Array => nodeIdOf(of.publicKey.postQuantum);

describe('a crash', () => {
  test.each([
    ['before policy', 0, 'nothing is spent: another request may use the token', true],
    ['before issue', 0, 'the token is spent, and the same request is served', false],
    ['after log', 1, 'the certificate in the log is known, and the same request is served', false],
  ] as const)('%s leaves %i entries: %s', async (step, entries, _what, free) => {
    crashAt = step;
    await expect(submit('enrol')).rejects.toThrow('power cut');
    await restart();
    expect(log.size()).toBe(entries);
    expect((await register.byNode(nodeId(keys))) === null).toBe(entries === 0);
    if (!free) await expect(submit('enrol', other)).rejects.toMatchObject({ code: 'trustchain.token_used' });
    const leaf = leafOf(await submit('enrol', free ? other : keys));
    expect(await register.bySerial(leaf.serial)).toMatchObject({ logIndex: entries, names: ['a.mesh'], roles: ['node'] });
  });
});

describe('an enrolment', () => {
  test('submitted twice at once is one certificate', async () => {
    const { promise: bothThere, resolve } = Promise.withResolvers<void>();
    let decisions = 0;
    policy = {
      async decide() {
        decisions += 1;
        await bothThere;
        return { decision: 'approved', code: 'ok' };
      },
    };
    const first = submit('enrol');
    await vi.waitFor(() => expect(decisions).toBe(1));
    const second = submit('enrol');
    // The second has found the first once its token has been looked at.
    const found = vi.spyOn(invitations, 'find');
    await vi.waitFor(() => expect(found).toHaveResolved());
    resolve();
    expect(leafOf(await first).serial).toBe(leafOf(await second).serial);
    expect(decisions).toBe(1);
    expect(log.size()).toBe(1);
  });

  test.each([
    ['a granted name outside the zone', ['b.example'], 'trustchain.name_refused'],
    ['a name that is not granted', ['c.mesh'], 'trustchain.name_refused'],
  ])('for %s is refused', async (_what, names, code) => {
    await expect(submit('enrol', keys, names)).rejects.toMatchObject({ code });
    expect(log.size()).toBe(0);
  });

  test('may ask for a granted address and no DNS name', async () => {
    expect(leafOf(await submit('enrol', keys, ['::1'])).alternativeNames?.names).toEqual(['::1']);
  });

  test('for another mesh is refused', async () => {
    const request = await createRequest(keys.pair, { meshId: new Uint8Array(32), kemKey: keys.kem.publicKey, roles: ['node'], names: [] });
    expect(() => enrolment.challenge(request, session(keys))).toThrow(expect.objectContaining({ code: 'trustchain.mesh_mismatch' }));
  });

  test('of a key that was reported as compromised is refused, with any token', async () => {
    const { serial } = leafOf(await submit('enrol'));
    const revocation = { serial, invalidityDate: null, time: NOW, revoker: nodeId(keys) };
    revocations.set(serial, { ...revocation, reason: 'cessation-of-operation' });
    await expect(submit('enrol')).resolves.toBeInstanceOf(Uint8Array);
    const again = (await register.byNode(nodeId(keys)))?.serial as string;
    revocations.set(again, { ...revocation, serial: again, reason: 'key-compromise' });
    await expect(submit('enrol')).rejects.toMatchObject({ code: 'trustchain.certificate_revoked' });
  });
});

describe('a name', () => {
  const SECOND = new Uint8Array(32).fill(6);
  const take = async (): Promise<Uint8Array> => {
    const tokenHash = tokenHashOf(authority.meshId, SECOND);
    await invitations.add([{ tokenHash, roles: ['node'], names: ['a.mesh'], expiresAt: clock.now() + HOUR_MS }]);
    return submit('enrol', other, ['a.mesh'], SECOND);
  };

  test("is its node's while the certificate may be renewed", async () => {
    await submit('enrol');
    clock.step(LEAF_LIFETIME_MS_MAX + RENEW_EXPIRED_MS_MAX);
    await expect(take()).rejects.toMatchObject({ code: 'trustchain.name_taken' });
    clock.step(1);
    await expect(take()).resolves.toBeInstanceOf(Uint8Array);
  });

  test('is free once the certificate is revoked, for a node that lost its keys', async () => {
    const { serial } = leafOf(await submit('enrol'));
    await expect(take()).rejects.toMatchObject({ code: 'trustchain.name_taken' });
    revocations.set(serial, { serial, reason: 'superseded', invalidityDate: null, time: NOW, revoker: nodeId(keys) });
    await expect(take()).resolves.toBeInstanceOf(Uint8Array);
  });
});

describe('a renewal', () => {
  test('gives the roles and names of the last certificate, or fewer', async () => {
    await expect(submit('renew')).rejects.toMatchObject({ code: 'trustchain.enrolment_refused' });
    await submit('enrol');
    clock.step(18 * HOUR_MS);
    await expect(submit('renew', keys, ['::1'])).rejects.toMatchObject({ code: 'trustchain.name_refused' });
    const renewed = leafOf(await submit('renew', keys, []));
    expect(renewed.notBefore).toBe(NOW + 18 * HOUR_MS);
    await expect(submit('renew')).rejects.toMatchObject({ code: 'trustchain.name_refused' });
    expect((await register.currentOf(nodeId(keys), clock.now())).map(({ logIndex }) => logIndex)).toEqual([0, 1]);
  });

  test('ends 30 days after the certificate', async () => {
    await submit('enrol');
    clock.step(LEAF_LIFETIME_MS_MAX + RENEW_EXPIRED_MS_MAX);
    await submit('renew');
    clock.step(LEAF_LIFETIME_MS_MAX + RENEW_EXPIRED_MS_MAX + 1);
    await expect(submit('renew')).rejects.toMatchObject({ code: 'trustchain.certificate_expired' });
  });

  test('of a revoked certificate is refused', async () => {
    const { serial } = leafOf(await submit('enrol'));
    revocations.set(serial, { serial, reason: 'unspecified', invalidityDate: null, time: NOW, revoker: nodeId(keys) });
    await expect(submit('renew')).rejects.toMatchObject({ code: 'trustchain.certificate_revoked' });
  });
});

describe('the issuer', () => {
  test('is refused keys that are not those of its certificate, and leaves of more than a day', () => {
    const { crypto, intermediate, issuerKeys } = authority;
    const components = { crypto, clock, entropy: systemEntropy, keys: issuerKeys.pair, log };
    const wrongKeys = { ...components, keys: keys.pair };
    const refused = expect.objectContaining({ code: 'trustchain.config_invalid' });
    expect(() => createIssuer({ intermediate, leafLifetimeMs: HOUR_MS }, wrongKeys)).toThrow(refused);
    expect(() => createIssuer({ intermediate, leafLifetimeMs: LEAF_LIFETIME_MS_MAX + 1 }, components)).toThrow(refused);
  });

  test('hands out a logged leaf again under a newer checkpoint', async () => {
    const first = decodeBundle(await submit('enrol'));
    await log.add(new TextEncoder().encode('another entry')).catch(() => undefined);
    const issuer = createIssuer(
      { intermediate: authority.intermediate, leafLifetimeMs: HOUR_MS },
      { crypto: authority.crypto, clock, entropy: systemEntropy, keys: authority.issuerKeys.pair, log },
    );
    const fresh = decodeBundle(await issuer.bundleOf(first.leaf, first.logIndex));
    expect(fresh.leaf).toEqual(first.leaf);
    expect(fresh.checkpoint).not.toEqual(first.checkpoint);
  });
});
