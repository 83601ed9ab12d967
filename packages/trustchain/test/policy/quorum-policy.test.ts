import { createCrypto, type Crypto, type Signer } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assertApproved, createTokenPolicy } from '../../src/policy/policy.ts';
import { createQuorumPolicy, type PolicyMember } from '../../src/policy/quorum-policy.ts';
import { type IssuanceDecision, type IssuanceQuestion, signVerdict } from '../../src/policy/question.ts';
import { NOW } from '../fixtures.ts';

const question: IssuanceQuestion = {
  meshId: new Uint8Array(32),
  kind: 'renew',
  requestHash: new Uint8Array(32),
  nodeId: new Uint8Array(32),
  requester: new Uint8Array(32).fill(9),
  roles: ['node'],
  names: [],
  tokenHash: null,
  askedAt: NOW,
};
const QUORUM = 3;
const patient = new AbortController().signal;

let crypto: Crypto;
let signers: Signer<'ml-dsa-44'>[];

beforeAll(async () => {
  crypto = await createCrypto();
  signers = await Promise.all([0, 1, 2, 3].map(async () => crypto.createSigner(await crypto.generateKeyPair('ml-dsa-44'))));
});
afterAll(() => crypto.close());

type Behaviour = IssuanceDecision | 'error' | 'forged' | 'other question' | 'silent';

function member(behaviour: Behaviour, index: number): PolicyMember {
  const signer = signers[index] as Signer<'ml-dsa-44'>;
  return {
    name: `node-${index + 1}`,
    key: signer.publicKey,
    async ask(asked, { signal }) {
      if (behaviour === 'silent') {
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      }
      if (behaviour === 'error') return expect.unreachable('a validator that fails');
      if (behaviour === 'forged') return { decision: 'approved', code: 'ok', signature: new Uint8Array(2420) };
      if (behaviour === 'other question') return signVerdict({ ...asked, askedAt: 0 }, { decision: 'approved', code: 'ok' }, signer);
      return signVerdict(asked, { decision: behaviour, code: behaviour === 'approved' ? 'ok' : `${behaviour}_code` }, signer);
    },
  };
}

describe('a quorum of three of four', () => {
  const decided: [readonly Behaviour[], IssuanceDecision, string][] = [
    [['approved', 'approved', 'approved', 'approved'], 'approved', 'ok'],
    [['approved', 'approved', 'approved', 'refused'], 'approved', 'ok'],
    [['approved', 'silent', 'approved', 'approved'], 'approved', 'ok'],
    [['refused', 'refused', 'silent', 'silent'], 'refused', 'refused_code'],
    [['approved', 'approved', 'refused', 'refused'], 'refused', 'refused_code'],
    [['approved', 'approved', 'pending', 'refused'], 'pending', 'pending_code'],
    [['pending', 'pending', 'pending', 'error'], 'pending', 'pending_code'],
  ];
  test.each(decided)('%j: %s', async (behaviours, decision, code) => {
    const policy = createQuorumPolicy(behaviours.map(member), QUORUM, crypto);
    expect(await policy.decide(question, { signal: patient })).toEqual({ decision, code });
  });

  test.each([
    [['approved', 'approved', 'error', 'error']],
    [['approved', 'approved', 'forged', 'forged']],
    [['approved', 'approved', 'other question', 'other question']],
    [['approved', 'approved', 'pending', 'error'].with(2, 'error')],
  ] as [Behaviour[]][])('%j is no answer', async (behaviours) => {
    const policy = createQuorumPolicy(behaviours.map(member), QUORUM, crypto);
    await expect(policy.decide(question, { signal: patient })).rejects.toMatchObject({ code: 'trustchain.policy_failed' });
  });

  test('that answers too late is no answer', async () => {
    const policy = createQuorumPolicy((['approved', 'approved', 'silent', 'silent'] as const).map(member), QUORUM, crypto);
    const ending = new AbortController();
    const decision = policy.decide(question, { signal: ending.signal });
    ending.abort();
    await expect(decision).rejects.toMatchObject({ code: 'trustchain.policy_failed', retryable: true });
  });

  test('cannot come from fewer members', async () => {
    const policy = createQuorumPolicy((['approved', 'approved'] as const).map(member), QUORUM, crypto);
    await expect(policy.decide(question, { signal: patient })).rejects.toMatchObject({ code: 'trustchain.policy_failed' });
  });
});

describe('phase 0', () => {
  test('takes a token to enrol and none to renew', async () => {
    const policy = createTokenPolicy();
    const enrol = { ...question, kind: 'enrol' } as const;
    expect(await policy.decide(enrol, { signal: patient })).toEqual({ decision: 'refused', code: 'token_missing' });
    expect(await policy.decide({ ...enrol, tokenHash: new Uint8Array(32) }, { signal: patient })).toMatchObject({ decision: 'approved' });
    expect(await policy.decide(question, { signal: patient })).toMatchObject({ decision: 'approved' });
  });

  test.each([
    ['refused', 'trustchain.policy_refused'],
    ['pending', 'trustchain.policy_pending'],
  ] as const)('%s stops an issuance', (decision, code) => {
    expect(() => assertApproved({ decision, code: 'why' })).toThrow(expect.objectContaining({ code, data: { reason: 'why' } }));
  });
});
