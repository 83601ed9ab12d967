import { join } from 'node:path';
import { type CodedError, type HandlersOf, type KeyPair, systemClock, systemEntropy } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { decodeBundle } from '../src/certificate/bundle.ts';
import { parseCertificate } from '../src/certificate/certificate.ts';
import { enrol, renew } from '../src/client.ts';
import { nodeIdOf } from '../src/genesis/ids.ts';
import { WITNESS_KEY } from '../src/init/key-plan.ts';
import { openKeystore, readPassphrase } from '../src/keys/keystore.ts';
import { issuancePolicyContract } from '../src/policy/contract.ts';
import { decodeQuestion, type IssuanceQuestion, type IssuanceVerdict, signVerdict } from '../src/policy/question.ts';
import { verifyCheckpoint } from '../src/verification/checkpoint-verification.ts';
import { witnessContract } from '../src/witness/contract.ts';
import { quorumOf, type WitnessPolicy } from '../src/witness/policy.ts';
import { createWitness, createWitnessHandlers } from '../src/witness/witness.ts';
import { openWitnessStore } from '../src/witness/witness-store.ts';
import { createMeshFixture, type Member, type MeshFixture } from './mesh-fixture.ts';

const SLOW_MS = 120_000;
const VALIDATORS = ['node-1', 'node-2', 'node-3', 'node-4'];
const options = { signal: AbortSignal.timeout(10 * SLOW_MS) };

/** A validator's side of `witness/1` and `issuance-policy/1`, with real keys and a durable store. */
interface Validator {
  readonly member: Member;
  readonly asked: IssuanceQuestion[];
  decide: (question: IssuanceQuestion) => IssuanceVerdict | Promise<IssuanceVerdict>;
}

const approve = (): IssuanceVerdict => ({ decision: 'approved', code: 'ok' });
const refuse = (): IssuanceVerdict => ({ decision: 'refused', code: 'member_unwanted' });
const wait = (): IssuanceVerdict => ({ decision: 'pending', code: 'not_executed' });
const fail = (): IssuanceVerdict => expect.unreachable('a validator that fails');

let mesh: MeshFixture;
let phase: 0 | 1;
const validators: Validator[] = [];

beforeAll(async () => {
  mesh = await createMeshFixture({ validatorCount: VALIDATORS.length, members: ['stoqd', 'alice', 'catalogd'] });
  phase = 0;
  await mesh.startTrustchain();
  for (const name of VALIDATORS) validators.push(await startValidator(name));
}, SLOW_MS);
afterAll(() => mesh?.[Symbol.asyncDispose]());

async function startValidator(name: string): Promise<Validator> {
  const { genesis, meshId } = mesh.mesh;
  const entropy = systemEntropy;
  const home = mesh.homeOf(name);
  const keystore = await openKeystore(join(home, 'keystore'), await readPassphrase(join(home, 'passphrase')), { entropy, now: Date.now });
  const signer = mesh.crypto.createSigner(keystore.get(WITNESS_KEY) as KeyPair<'ml-dsa-44'>);
  const store = await openWitnessStore(join(home, 'data', 'witness'));
  const witness = createWitness({ name, logs: Object.values(genesis.logs) }, { store, signer, crypto: mesh.crypto, clock: systemClock });
  const policy: WitnessPolicy = {
    meshId,
    version: 1,
    threshold: quorumOf(genesis.validators.length),
    witnesses: genesis.validators.map((entry) => ({ name: entry.name, key: entry.witnessKey })),
  };
  const policyOf = (version: number): WitnessPolicy | null => (phase >= version ? policy : null);
  const issuance: HandlersOf<typeof issuancePolicyContract> = {
    async decide({ question: encoded }) {
      const question = decodeQuestion(encoded);
      validator.asked.push(question);
      return signVerdict(question, await validator.decide(question), signer);
    },
  };
  const { addresses } = genesis.validators.find((entry) => entry.name === name) ?? { addresses: [] };
  const member = await mesh.join(name, {
    listen: addresses,
    serve(host) {
      host.serve(witnessContract, createWitnessHandlers({ witness, name, signer, policyOf }));
      host.serve(issuancePolicyContract, issuance);
    },
  });
  const validator: Validator = { member, asked: [], decide: approve };
  await member.following.start();
  return validator;
}

function cosigned(member: Member): boolean {
  const { trust } = member.membership;
  const { checkpoint } = decodeBundle(member.membership.identities()[0]?.bundle() as Uint8Array);
  try {
    verifyCheckpoint(checkpoint, 'certificates', { trust, crypto: mesh.crypto });
    return trust.policy().version === 1;
  } catch {
    return false;
  }
}

describe('the phases', () => {
  test('a quorum of validators takes the mesh from 0 to 1, and members get fresh bundles', { timeout: SLOW_MS }, async () => {
    const stoqd = await mesh.join('stoqd');
    await stoqd.following.start();
    expect(await stoqd.following.client.roots({ afterPolicy: 0 }, options)).toMatchObject({ phase: 0 });
    expect(validators.flatMap(({ asked }) => asked)).toEqual([]);
    expect(cosigned(stoqd)).toBe(false);

    phase = 1;
    await vi.waitFor(() => expect([stoqd, ...validators.map(({ member }) => member)].map(cosigned)).not.toContain(false), {
      timeout: SLOW_MS,
      interval: 50,
    });
    expect(await stoqd.following.client.roots({ afterPolicy: 0 }, options)).toMatchObject({ phase: 1 });
    await healthy(true);
    await stoqd[Symbol.asyncDispose]();
  });

  const verdicts: [string, readonly (() => IssuanceVerdict)[], string | null][] = [
    ['two refusals of four refuse', [approve, approve, refuse, refuse], 'trustchain.policy_refused'],
    ['approvals that need a pending answer wait', [approve, approve, wait, refuse], 'trustchain.policy_pending'],
    ['two approvals and two failures are no answer', [approve, approve, fail, fail], 'trustchain.policy_failed'],
    ['three approvals of four admit', [approve, fail, approve, approve], null],
  ];
  test.each(verdicts)('in phase 1 %s', { timeout: SLOW_MS }, async (_name, decisions, code) => {
    decisions.forEach((decide, index) => {
      (validators[index] as Validator).decide = decide;
    });
    await using newcomer = await mesh.contact('catalogd');
    const { keys, token } = newcomer;
    const { meshId } = mesh.mesh;
    const sizeBefore = await logSize();
    const enrolling = enrol(newcomer.client, { meshId, keys }, token, options);
    const outcome = await enrolling.then(
      () => null,
      (error: CodedError) => error.code,
    );
    expect(outcome).toBe(code);
    expect((await logSize()) - sizeBefore).toBe(code === null ? 1 : 0);
    expect((validators[0] as Validator).asked.at(-1)).toMatchObject({
      kind: 'enrol',
      nodeId: nodeIdOf(keys.signer.publicKey.postQuantum),
      roles: ['service'],
      names: ['catalog.mesh'],
    });
  });

  test('somebody who comes in phase 1 takes over the head of revocations although there is none yet', { timeout: SLOW_MS }, async () => {
    for (const validator of validators) validator.decide = approve;
    await using alice = await mesh.join('alice');
    await alice.following.start();
    await vi.waitFor(() => expect(alice.membership.revocations.nextUpdate()).toBeGreaterThan(Date.now()), {
      timeout: 20_000,
      interval: 50,
    });
    expect(alice.membership.trust.policy()).toMatchObject({ version: 1 });
    expect(alice.membership.revocations.size()).toBe(0);
    await alice.following.stop();
  });

  test('a revocation by an operator takes a quorum as well, by the key holder none', { timeout: SLOW_MS }, async () => {
    for (const validator of validators) validator.decide = approve;
    await using alice = await mesh.join('alice');
    await using catalogd = await mesh.join('catalogd');
    const { serial } = parseCertificate(decodeBundle(catalogd.membership.identities()[0]?.bundle() as Uint8Array).leaf);
    const message = { serial, reason: 'privilege-withdrawn', invalidityDate: null } as const;
    for (const validator of validators) validator.decide = refuse;
    await expect(alice.following.client.revoke(message, options)).rejects.toMatchObject({ code: 'trustchain.policy_refused' });
    // All its current certificates are revoked, in any order.
    const { index, size } = await catalogd.following.client.revoke(message, options);
    expect(index).toBeLessThan(size);
    // Two refusals are enough: the others may not have been asked yet.
    const question = {
      kind: 'revoke',
      nodeId: catalogd.membership.nodeId,
      requester: alice.membership.nodeId,
      names: ['catalog.mesh'],
    };
    expect(validators.map(({ asked }) => asked.at(-1))).toContainEqual(expect.objectContaining(question));
  });

  test('a restart keeps the phase: without a quorum of witnesses nothing is issued', { timeout: SLOW_MS }, async () => {
    for (const validator of validators) validator.decide = approve;
    await mesh.stopTrustchain();
    await mesh.startTrustchain();
    await healthy(true);
    const [first, second] = validators as [Validator, Validator];
    await first.member[Symbol.asyncDispose]();
    await second.member[Symbol.asyncDispose]();
    await using alice = await mesh.join('alice');
    expect(await alice.following.client.roots({ afterPolicy: 0 }, options)).toMatchObject({ phase: 1 });
    const { keys, meshId } = alice.membership;
    const roles = ['operator', 'owner', 'viewer'] as const;
    await expect(renew(alice.following.client, { meshId, keys, roles, names: [] }, options)).rejects.toMatchObject({
      code: 'trustchain.policy_failed',
    });
    await healthy(false);
  });
});

function healthy(ok: boolean): Promise<void> {
  return vi.waitFor(() => expect(mesh.health.report('ready')).toMatchObject({ ok }), { timeout: SLOW_MS, interval: 50 });
}

async function logSize(): Promise<number> {
  const { client } = (validators[0] as Validator).member.following;
  const { checkpoint } = await client['log.checkpoint']({ log: 'certificates' }, options);
  return Number(new TextDecoder().decode(checkpoint).split('\n')[1]);
}
