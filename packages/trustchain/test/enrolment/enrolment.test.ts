import { join } from 'node:path';
import { type PeerIdentity, systemEntropy } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createIssuer, type Issuer } from '../../src/ca/issuer.ts';
import { decodeBundle } from '../../src/certificate/bundle.ts';
import { parseCertificate } from '../../src/certificate/certificate.ts';
import { createRequest, parseRequest } from '../../src/certificate/request.ts';
import { LEAF_LIFETIME_MS_MAX, RENEW_EXPIRED_MS_MAX } from '../../src/constants.ts';
import { createChallenges } from '../../src/enrolment/challenges.ts';
import { createEnrolment, CURRENT_CERTIFICATES_MAX, type Enrolment } from '../../src/enrolment/enrolment.ts';
import { createInvitations, type Invitations } from '../../src/enrolment/invitations.ts';
import { tokenHashOf } from '../../src/enrolment/join-token.ts';
import { provePossession } from '../../src/enrolment/possession.ts';
import type { ValidatorEntry } from '../../src/genesis/genesis.ts';
import { nodeIdOf } from '../../src/genesis/ids.ts';
import { KeyedTurns } from '../../src/log/keyed-turns.ts';
import { createLog, type Log, openLog } from '../../src/log/log.ts';
import type { LogSigners } from '../../src/note/log-signature.ts';
import { createTokenPolicy, type IssuancePolicy } from '../../src/policy/policy.ts';
import type { Revocation, RevocationReason } from '../../src/revocation/revocation.ts';
import { createNameHolder } from '../../src/service/name-holder.ts';
import { createRegister, type Register } from '../../src/service/register.ts';
import { openStateStore, type StateStore } from '../../src/service/state-store.ts';
import { type AuthorityFixture, createAuthority, createKeys, type Keys, NOW } from '../fixtures.ts';
import { createFolder, createLogSigners, ORIGIN, removeFolders } from '../log/fixtures.ts';

const HOUR_MS = 3_600_000;
const SECRET = new Uint8Array(32).fill(5);
const SECOND = new Uint8Array(32).fill(6);
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
/** By serial; each by the node itself. */
let revocations: Map<string, Revocation>;
let validators: ValidatorEntry[];
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
  clock = new SteppedClock(NOW);
  crashAt = null;
  policy = createTokenPolicy();
  revocations = new Map();
  validators = [];
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
  const view = {
    find: (serial: string) => revocations.get(serial) ?? null,
    ofNode: (id: Uint8Array) => [...revocations.values()].filter(({ revoker }) => Buffer.compare(revoker, id) === 0),
  };
  enrolment = createEnrolment({
    crypto,
    clock,
    meshId,
    zone: 'mesh',
    issuer: fragile,
    invitations,
    challenges: {
      enrol: createChallenges({ clock, entropy: systemEntropy }),
      renew: createChallenges({ clock, entropy: systemEntropy }),
    },
    register,
    policy: () => ({
      decide(...args) {
        crash('before policy');
        return policy.decide(...args);
      },
    }),
    revocations: view,
    holderOf: createNameHolder({ register, revocations: view, clock }),
    validators,
    turns: new KeyedTurns(),
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
  const { challenge, ciphertext } = await enrolment.challenge(request, kind === 'enrol' ? secret : null, session(of));
  const tokenHash = kind === 'enrol' ? tokenHashOf(meshId, secret) : null;
  const statement = { meshId, challenge, requestDigest: parseRequest(request).digest, tokenHash };
  const signer = authority.crypto.createHybridSigner(of.classical, of.postQuantum);
  const proof = await provePossession(statement, ciphertext, { signer, kem: of.kem.secretKey });
  const submission = { challenge, request, proof };
  return kind === 'enrol' ? enrolment.enrol(submission, secret, session(of), options) : enrolment.renew(submission, session(of), options);
}

/** A second invitation, under `SECOND`. */
async function invite(names: readonly string[]): Promise<void> {
  const tokenHash = tokenHashOf(authority.meshId, SECOND);
  await invitations.add([{ tokenHash, roles: ['node'], names, expiresAt: clock.now() + HOUR_MS }]);
}

/** Holds all questions to the policy back until `answer` is called. */
function holdPolicy(): { asked: (count: number) => Promise<void>; answer: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const decide = vi.fn<IssuancePolicy['decide']>(() => promise.then(() => ({ decision: 'approved', code: 'ok' })));
  policy = { decide };
  return { asked: (count) => vi.waitFor(() => expect(decide).toHaveBeenCalledTimes(count), 30_000), answer: resolve };
}

function revoke(serial: string, reason: RevocationReason): void {
  revocations.set(serial, { serial, reason, invalidityDate: null, time: clock.now(), revoker: nodeId(keys) });
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
    const held = holdPolicy();
    const first = submit('enrol');
    await held.asked(1);
    const second = submit('enrol');
    // The second has found the first once its token has been looked at.
    const found = vi.spyOn(invitations, 'find');
    await vi.waitFor(() => expect(found).toHaveResolved(), 30_000);
    held.answer();
    expect(leafOf(await first).serial).toBe(leafOf(await second).serial);
    await held.asked(1);
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
    await expect(enrolment.challenge(request, SECRET, session(keys))).rejects.toMatchObject({ code: 'trustchain.mesh_mismatch' });
  });

  test.each([
    ['a secret that no invitation knows', new Uint8Array(32), 'trustchain.token_invalid'],
    ['no secret and no certificate', null, 'trustchain.enrolment_refused'],
  ])('of a stranger with %s gets no challenge', async (_what, secret, code) => {
    const { meshId } = authority;
    const request = await createRequest(keys.pair, { meshId, kemKey: keys.kem.publicKey, roles: ['node'], names: [] });
    await expect(enrolment.challenge(request, secret, session(keys))).rejects.toMatchObject({ code });
  });

  test.each(['genesis', 'an earlier certificate'])(
    'of a FALCON key with another Ed25519 key than that of %s is refused',
    async (origin) => {
      if (origin === 'genesis') validators.push({ nodeId: nodeId(keys), sessionKey: keys.publicKey } as ValidatorEntry);
      else await submit('enrol');
      const size = log.size();
      const half: Keys = {
        ...keys,
        classical: other.classical,
        pair: { ...keys.pair, classical: other.pair.classical },
        publicKey: { ...keys.publicKey, classical: other.publicKey.classical },
      };
      await invite(['a.mesh']);
      await expect(submit('enrol', half, ['a.mesh'], SECOND)).rejects.toMatchObject({ code: 'trustchain.unsupported' });
      expect(log.size()).toBe(size);
    },
  );

  test('of a key that was reported as compromised is refused, with any token', async () => {
    const { serial } = leafOf(await submit('enrol'));
    revoke(serial, 'cessation-of-operation');
    clock.step(1_000);
    await expect(submit('enrol')).resolves.toBeInstanceOf(Uint8Array);
    await expect(submit('renew')).resolves.toBeInstanceOf(Uint8Array);
    revoke(serial, 'key-compromise');
    await expect(submit('enrol')).rejects.toMatchObject({ code: 'trustchain.certificate_revoked' });
  });
});

describe('a name', () => {
  const take = async (): Promise<Uint8Array> => {
    await invite(['a.mesh']);
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
    revoke(serial, 'superseded');
    await expect(take()).resolves.toBeInstanceOf(Uint8Array);
  });

  test('goes to one of two who are granted it and enrol at once, and the other keeps its token', async () => {
    await invite(['a.mesh', 'c.mesh']);
    const held = holdPolicy();
    const both = [submit('enrol'), submit('enrol', other, ['a.mesh'], SECOND)];
    await held.asked(2);
    held.answer();
    const outcomes = await Promise.allSettled(both);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes).toContainEqual({ status: 'rejected', reason: expect.objectContaining({ code: 'trustchain.name_taken' }) });
    const [loser, secret, name] = outcomes[0]?.status === 'rejected' ? [keys, SECRET, '::1'] : [other, SECOND, 'c.mesh'];
    await expect(submit('enrol', loser, [name], secret)).resolves.toBeInstanceOf(Uint8Array);
  });

  test('of TrustChain itself is given to nobody', async () => {
    await invite(['trust.mesh']);
    await expect(submit('enrol', other, ['trust.mesh'], SECOND)).rejects.toMatchObject({
      code: 'trustchain.name_refused',
      data: { reason: 'reserved' },
    });
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

  const revoked = { code: 'trustchain.certificate_revoked' };

  test.each(['unspecified', 'superseded'] as const)('of a certificate revoked as %s is refused', async (reason) => {
    revoke(leafOf(await submit('enrol')).serial, reason);
    await expect(submit('renew')).rejects.toMatchObject(revoked);
  });

  test('is refused once any certificate of the node is revoked, unless it was superseded', async () => {
    const { serial } = leafOf(await submit('enrol'));
    clock.step(HOUR_MS);
    await submit('renew');
    revoke(serial, 'superseded');
    clock.step(HOUR_MS);
    await submit('renew');
    revoke(serial, 'privilege-withdrawn');
    await expect(submit('renew')).rejects.toMatchObject(revoked);
  });

  test('under way while the node is revoked gives nothing', async () => {
    const { serial } = leafOf(await submit('enrol'));
    const held = holdPolicy();
    const renewing = submit('renew');
    await held.asked(1);
    revoke(serial, 'key-compromise');
    held.answer();
    await expect(renewing).rejects.toMatchObject(revoked);
    await expect(submit('renew')).rejects.toMatchObject(revoked);
    expect(log.size()).toBe(1);
  });

  test('is refused to a node with very many current certificates, until one has expired', async () => {
    await submit('enrol');
    const current = await register.currentOf(nodeId(keys), clock.now());
    const many = vi.spyOn(register, 'currentOf').mockResolvedValue(Array.from({ length: CURRENT_CERTIFICATES_MAX }, () => current).flat());
    await expect(submit('renew')).rejects.toMatchObject({
      code: 'trustchain.rate_limited',
      data: { retryAfterMs: LEAF_LIFETIME_MS_MAX + 1 },
    });
    many.mockRestore();
    await expect(submit('renew')).resolves.toBeInstanceOf(Uint8Array);
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
