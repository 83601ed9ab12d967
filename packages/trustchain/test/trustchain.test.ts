import { type Clock, type CodedError, defineContract, type HandlersOf, hasCode, type MethodSpec, systemClock } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { decodeBundle } from '../src/certificate/bundle.ts';
import { type Certificate, parseCertificate } from '../src/certificate/certificate.ts';
import { createRequest, parseRequest } from '../src/certificate/request.ts';
import { createFirstContactVerifier, createResolver, enrol, fetchGenesis, type Membership, renew, type Resolver } from '../src/client.ts';
import { parseJoinToken, tokenHashOf } from '../src/enrolment/join-token.ts';
import { provePossession } from '../src/enrolment/possession.ts';
import { leafHash } from '../src/log/merkle.ts';
import { verifyLogProof } from '../src/verification/checkpoint-verification.ts';
import { encodeKeyClaim } from '../src/verification/identity-message.ts';
import { createMeshFixture, type Member, type MeshFixture, type Newcomer } from './mesh-fixture.ts';

const SLOW_MS = 60_000;
const HOUR_MS = 3_600_000;
const options = { signal: AbortSignal.timeout(10 * SLOW_MS) };

let mesh: MeshFixture;

beforeAll(async () => {
  mesh = await createMeshFixture({ members: ['stoqd', 'alice', 'catalogd', 'caesard'] });
  await mesh.startTrustchain();
}, SLOW_MS);
afterAll(() => mesh?.[Symbol.asyncDispose]());

function leafOf({ identities }: Membership): Certificate {
  return parseCertificate(decodeBundle(identities()[0]?.bundle() as Uint8Array).leaf);
}

function refusal(call: Promise<unknown>): Promise<CodedError> {
  return call.then(
    () => expect.unreachable('the call succeeds'),
    (error: CodedError) => error,
  );
}

/** The system's clock, so many milliseconds ahead. */
function ahead(ms: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + ms };
}

describe('a join token', () => {
  test('admits once, and the member then calls as what its certificate says', async () => {
    await using member = await mesh.join('stoqd');
    const { client } = member.following;
    const leaf = leafOf(member.membership);
    expect(leaf.alternativeNames?.names).toEqual(['stoqd.mesh']);
    expect(leaf.notAfter - leaf.notBefore).toBe(24 * HOUR_MS);
    expect(await client.status({ serial: leaf.serial })).toMatchObject({ state: 'valid', nodeId: member.membership.nodeId });
  });

  test('is spent for any other request, and good again for the same one', async () => {
    await using stoqd = await mesh.contact('stoqd');
    await using alice = await mesh.contact('alice');
    const stolen = enrol(alice.client, { meshId: mesh.mesh.meshId, keys: alice.keys }, { ...stoqd.token }, options);
    expect((await refusal(stolen)).code).toBe('trustchain.token_used');
    const again = await enrol(stoqd.client, { meshId: mesh.mesh.meshId, keys: stoqd.keys }, stoqd.token, options);
    expect(parseCertificate(decodeBundle(again).leaf).commonName).toBe('stoqd.mesh');
  });

  test.each([
    ['an unknown secret', { secret: new Uint8Array(32) }, 'trustchain.token_invalid'],
    ['a role that it does not grant', { roles: ['operator'] as const }, 'trustchain.enrolment_refused'],
    ['no role', { roles: [] }, 'trustchain.enrolment_refused'],
    ['a name that it does not grant', { names: ['other.mesh'] }, 'trustchain.name_refused'],
  ])('is refused with %s', async (_name, change, code) => {
    await using newcomer = await mesh.contact('catalogd');
    const made = enrol(newcomer.client, { meshId: mesh.mesh.meshId, keys: newcomer.keys }, { ...newcomer.token, ...change }, options);
    expect((await refusal(made)).code).toBe(code);
  });
});

describe('possession', () => {
  test.each(['ed25519', 'falcon1024', 'ml-kem-1024'])('of the %s key is demanded', async (key) => {
    await using newcomer = await mesh.contact('catalogd');
    await using other = await mesh.contact('caesard');
    const { client, keys, token } = newcomer;
    const { request, challenge, ciphertext, statement } = await challenged(newcomer);
    const good = await provePossession(statement, ciphertext, { signer: keys.signer, kem: keys.kem.secretKey });
    const bad = await provePossession(statement, ciphertext, { signer: other.keys.signer, kem: other.keys.kem.secretKey });
    const proof = {
      signature: {
        classical: key === 'ed25519' ? bad.signature.classical : good.signature.classical,
        postQuantum: key === 'falcon1024' ? bad.signature.postQuantum : good.signature.postQuantum,
      },
      kemProof: key === 'ml-kem-1024' ? bad.kemProof : good.kemProof,
    };
    const submitted = client['enroll.submit']({ challenge, request, proof, secret: token.secret }, options);
    expect(await refusal(submitted)).toMatchObject({ code: 'trustchain.possession_failed', data: { key } });
    const again = client['enroll.submit']({ challenge, request, proof: good, secret: token.secret }, options);
    expect(await refusal(again)).toMatchObject({ code: 'trustchain.challenge_unknown' });
  });

  test('is about one token: a proof does not serve for another', async () => {
    await using newcomer = await mesh.contact('catalogd');
    const { request, challenge, ciphertext, statement } = await challenged(newcomer);
    const { client, keys, token } = newcomer;
    const proof = await provePossession({ ...statement, tokenHash: null }, ciphertext, { signer: keys.signer, kem: keys.kem.secretKey });
    const submitted = client['enroll.submit']({ challenge, request, proof, secret: token.secret }, options);
    expect(await refusal(submitted)).toMatchObject({ code: 'trustchain.possession_failed', data: { key: 'ed25519' } });
  });

  test('of the session: nobody enrols for somebody else', async () => {
    await using newcomer = await mesh.contact('catalogd');
    await using other = await mesh.contact('caesard');
    const foreign = challenged({ ...newcomer, keys: other.keys });
    expect(await refusal(foreign)).toMatchObject({ code: 'trustchain.possession_failed', data: { key: 'session' } });
  });
});

describe('a newcomer', () => {
  test('may only enrol', async () => {
    await using newcomer = await mesh.contact('catalogd');
    const { client } = newcomer;
    const calls = [
      client['log.checkpoint']({ log: 'certificates' }, options),
      client['names.resolve']({ name: 'trust.mesh', type: 'STOQ' }, options),
      client['admin.invite']({ roles: ['operator'], names: [], lifetimeMs: 1 }, options),
      client.revoke({ serial: '00'.repeat(20), reason: 'unspecified', invalidityDate: null }, options),
    ];
    for (const { code } of await Promise.all(calls.map(refusal))) expect(code).toBe('stoq.rpc_forbidden');
    expect((await refusal(client.bundle({ serial: null }, options))).code).toBe('trustchain.serial_unknown');
  });

  test('trusts no other server than that of its token', async () => {
    await using newcomer = await mesh.contact('catalogd');
    const verifier = createFirstContactVerifier({ ...newcomer.token, serverId: new Uint8Array(32) });
    const genesis = await fetchGenesis(newcomer.client, newcomer.token, options);
    const claim = {
      kind: 'pinned',
      role: 'server',
      bundle: encodeKeyClaim({ meshId: mesh.mesh.meshId, key: genesis.trustchaind.sessionKey }),
    } as const;
    await expect(verifier.verify(claim)).rejects.toSatisfy((error) => hasCode(error, 'trustchain.identity_unknown'));
    const wrongMesh = fetchGenesis(newcomer.client, { ...newcomer.token, meshId: new Uint8Array(32) }, options);
    expect((await refusal(wrongMesh)).code).toBe('trustchain.mesh_mismatch');
    const wrongRoot = fetchGenesis(newcomer.client, { ...newcomer.token, rootFingerprint: new Uint8Array(32) }, options);
    expect((await refusal(wrongRoot)).code).toBe('trustchain.chain_untrusted');
  });
});

describe('an operator', () => {
  test('invites; the token admits whom it names', async () => {
    await using alice = await mesh.join('alice');
    const { token } = await alice.following.client['admin.invite'](
      { roles: ['node'], names: ['extra.mesh'], lifetimeMs: HOUR_MS },
      options,
    );
    const invited = parseJoinToken(token);
    expect(invited).toMatchObject({ roles: ['node'], names: ['extra.mesh'], meshId: mesh.mesh.meshId });
    await using newcomer = await mesh.contact('caesard');
    const bundle = await enrol(newcomer.client, { meshId: mesh.mesh.meshId, keys: newcomer.keys }, invited, options);
    expect(parseCertificate(decodeBundle(bundle).leaf).commonName).toBe('extra.mesh');
    const second = await alice.following.client['admin.invite']({ roles: ['node'], names: ['extra.mesh'], lifetimeMs: HOUR_MS }, options);
    await using thief = await mesh.contact('catalogd');
    const taken = enrol(thief.client, { meshId: mesh.mesh.meshId, keys: thief.keys }, parseJoinToken(second.token), options);
    expect((await refusal(taken)).code).toBe('trustchain.name_taken');
  });
});

describe('names', () => {
  test('are published by the node that they certify, and resolved under signature', async () => {
    await using stoqd = await mesh.join('stoqd');
    await using alice = await mesh.join('alice');
    const { client } = stoqd.following;
    const set = { name: 'stoqd.mesh', type: 'AAAA', ttlSeconds: 60, records: ['fd48:4d00::1'], version: 1 } as const;
    expect(await client['names.publish'](set, options)).toEqual({ version: 1 });
    expect(await client['names.publish']({ ...set, records: [], version: 0 }, options)).toEqual({ version: 1 });
    const resolver = resolverOf(alice);
    expect(await resolver.resolve('stoqd.mesh', 'AAAA', options)).toMatchObject({ records: ['fd48:4d00::1'] });
    expect(await resolver.resolve('trust.mesh', 'STOQ', options)).toMatchObject({ type: 'STOQ' });
    expect(await refusal(resolver.resolve('nobody.mesh', 'A', options))).toMatchObject({
      code: 'trustchain.name_unknown',
      data: { exists: false },
    });
    expect(await refusal(resolver.resolve('stoqd.mesh', 'TXT', options))).toMatchObject({ data: { exists: true } });
    expect((await refusal(client['names.publish']({ ...set, name: 'catalog.mesh' }, options))).code).toBe('trustchain.name_refused');
  });
});

describe('the logs', () => {
  test('are served as tiles, entries and proofs, and take package entries of members', async () => {
    await using stoqd = await mesh.join('stoqd');
    const { client } = stoqd.following;
    const entry = new TextEncoder().encode('an entry of the package log');
    const receipt = await client['log.add']({ entry }, options);
    expect(await client['log.add']({ entry }, options)).toMatchObject({ index: receipt.index });
    const { trust } = stoqd.membership;
    expect(() => verifyLogProof(entry, receipt, 'packages', { trust, crypto: mesh.crypto })).not.toThrow();
    expect(await client['log.entries']({ log: 'packages', start: 0, end: 1 }, options)).toEqual({ entries: [entry] });
    expect((await client['log.tile']({ log: 'packages', path: 'tile/0/000.p/1' }, options)).tile).toEqual(leafHash(entry));
    expect(await client['log.consistency']({ log: 'packages', from: 1, to: 1 }, options)).toEqual({ hashes: [] });
    expect((await client['log.proof']({ log: 'packages', index: 0 }, options)).size).toBe(1);
    for (const [start, end] of [
      [0, 0],
      [0, 2],
      [1, 0],
      [0, 101],
    ] as const) {
      expect((await refusal(client['log.entries']({ log: 'packages', start, end }, options))).code).toBe('trustchain.log_range');
    }
  });
});

describe('revocation', () => {
  test('by an operator ends the live sessions of a member within 5 s, and its renewal', async () => {
    await using alice = await mesh.join('alice');
    await using server = await mesh.join('stoqd', { listen: ['127.0.0.1:0'], serve: (host) => host.serve(pingContract, pingHandlers) });
    await using victim = await mesh.join('catalogd');
    await Promise.all([server.following.start(), victim.following.renewer.refresh(options)]);
    await vi.waitFor(() => expect(server.membership.revocations.thisUpdate()).not.toBeNull(), SLOW_MS);
    await victim.membership.revocations.apply((await victim.following.client['revocation.snapshot']({}, options)).update);

    const ping = victim.host.connect(pingContract, { addresses: server.host.addresses(), expect: 'bundle' });
    const stream = ping.follow({}, options)[Symbol.asyncIterator]();
    await stream.next();
    const ended = stream.next();

    const { serial } = leafOf(victim.membership);
    const startMs = systemClock.monotonic();
    await alice.following.client.revoke({ serial, reason: 'cessation-of-operation', invalidityDate: null }, options);
    expect((await refusal(ended)).code).toMatch(/^stoq\.session_/);
    expect(systemClock.monotonic() - startMs).toBeLessThan(5_000);

    expect(await alice.following.client.status({ serial }, options)).toMatchObject({ state: 'revoked' });
    const request = { meshId: mesh.mesh.meshId, keys: victim.membership.keys, roles: ['service'], names: [] } as const;
    expect((await refusal(renew(victim.following.client, request, options))).code).toBe('trustchain.certificate_revoked');
  });

  test('of an unknown serial, and by somebody else than holder or operator, is refused', async () => {
    await using stoqd = await mesh.join('stoqd');
    await using alice = await mesh.join('alice');
    const { serial } = leafOf(alice.membership);
    const message = { reason: 'unspecified', invalidityDate: null } as const;
    expect((await refusal(stoqd.following.client.revoke({ ...message, serial }, options))).code).toBe('trustchain.revocation_refused');
    const unknown = alice.following.client.revoke({ ...message, serial: '40'.repeat(20) }, options);
    expect((await refusal(unknown)).code).toBe('trustchain.serial_unknown');
    expect((await refusal(alice.following.client.status({ serial: '40'.repeat(20) }, options))).code).toBe('trustchain.serial_unknown');
  });
});

describe('after an outage', () => {
  test('a member renews with its expired leaf, in a session that may do nothing else', async () => {
    const clock = ahead(30 * HOUR_MS);
    await mesh.stopTrustchain();
    await mesh.startTrustchain({ clock });
    await using stoqd = await mesh.join('stoqd', { clock });
    const { client, renewer } = stoqd.following;
    const before = leafOf(stoqd.membership);
    expect(renewer.problem()).toMatch('expired');
    expect((await refusal(client.status({ serial: before.serial }, options))).code).toBe('stoq.rpc_forbidden');
    await renewer.refresh(options);
    expect(renewer.problem()).toBeNull();
    const after = leafOf(stoqd.membership);
    expect(after.notAfter).toBeGreaterThan(clock.now());
    await using again = await mesh.join('stoqd', { clock });
    expect(leafOf(again.membership).serial).toBe(after.serial);
    expect(await again.following.client.status({ serial: before.serial }, options)).toMatchObject({ state: 'expired' });
  });

  test('of more than 30 days nothing but a new invitation helps', async () => {
    const clock = ahead(33 * 24 * HOUR_MS);
    await mesh.stopTrustchain();
    await mesh.startTrustchain({ clock });
    await using stoqd = await mesh.join('stoqd', { clock });
    const refused = await refusal(stoqd.following.renewer.refresh(options));
    expect(refused.code).toBe('trustchain.certificate_expired');
  });
});

/** A challenge for the request that the newcomer's token invites to. */
async function challenged({ client, keys, token }: Pick<Newcomer, 'client' | 'keys' | 'token'>) {
  const { meshId } = mesh.mesh;
  const request = await createRequest(keys.pair, { meshId, kemKey: keys.kem.publicKey, roles: token.roles, names: token.names });
  const { challenge, ciphertext } = await client['enroll.challenge']({ request, secret: token.secret }, options);
  const tokenHash: Uint8Array | null = tokenHashOf(meshId, token.secret);
  return { request, challenge, ciphertext, statement: { meshId, challenge, requestDigest: parseRequest(request).digest, tokenHash } };
}

function resolverOf({ membership, following }: Member): Resolver {
  const { meshId, genesis } = membership;
  return createResolver({
    crypto: mesh.crypto,
    clock: systemClock,
    trust: { meshId, zone: 'mesh', key: genesis.trustchaind.sessionKey },
    ask: (question, callOptions) => following.client['names.resolve'](question, callOptions),
  });
}

type PingMethods = { readonly follow: MethodSpec<Record<string, never>, { readonly at: number }> & { readonly kind: 'server-stream' } };

/** A stream that answers once and then stays open. */
const pingContract = defineContract<PingMethods>({
  name: 'ping',
  version: 1,
  methods: {
    follow: {
      kind: 'server-stream',
      request: z.strictObject({}) as z.ZodType<Record<string, never>>,
      response: z.strictObject({ at: z.int() }),
      roles: 'any',
      idempotent: true,
      requestBytesMax: 64,
      responseBytesMax: 64,
      deadlineMs: SLOW_MS,
    },
  },
});
const pingHandlers: HandlersOf<typeof pingContract> = {
  async *follow(_request, { signal }) {
    yield { at: 1 };
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  },
};
