import { type KeyPair, type Signer } from '@hypermesh/stoq';
import { encodeQuestion, genesisPolicy, type IssuanceQuestion, nodeIdOf, verifyVerdict } from '@hypermesh/trustchain';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { issuanceHandlers, judgeIssuance, QUESTION_AGE_MS_MAX } from '../../src/node/issuance-judge.ts';
import { agreedWitnessPolicy } from '../../src/node/witness-policy.ts';
import { found, type Founded, World } from '../mesh-machine/fixture.ts';

const TOKEN = new Uint8Array(32).fill(5);

let founded: Founded;
let world: World;
let stranger: Uint8Array;
beforeAll(async () => {
  founded = await found(2);
  stranger = nodeIdOf(founded.stranger.postQuantum);
});
afterAll(() => founded.crypto.close());
beforeEach(() => {
  world = new World(founded);
  world.apply(world.id(0), {
    kind: 'invite',
    token: TOKEN,
    roles: ['node', 'viewer'],
    name: null,
    owned: false,
    expiresAt: world.time + 60_000,
  });
});

const agreed = (time = world.time) => ({ state: world.state, time, validators: founded.genesis.validators });

/** Asked by the node itself, unless the change says otherwise. */
const questionOf = (change: Partial<IssuanceQuestion> = {}): IssuanceQuestion => ({
  meshId: world.query('parameters', 0).meshId,
  kind: 'enrol',
  requestHash: new Uint8Array(32),
  nodeId: stranger,
  requester: change.nodeId ?? stranger,
  roles: ['node'],
  names: [],
  tokenHash: TOKEN,
  askedAt: world.time,
  ...change,
});

/** A member that the mesh took in as operator in phase 0. */
function operator(): Uint8Array {
  world.certificates.set(1, { nodeId: stranger, key: founded.stranger, roles: ['operator'], names: [] });
  world.apply(stranger, { kind: 'member.join', bundle: Uint8Array.of(1), name: 'alice', token: null, addresses: [] });
  return stranger;
}

describe('issuance', () => {
  const cases: [string, () => Partial<IssuanceQuestion>, string][] = [
    ['an invited newcomer', () => ({}), 'ok'],
    ['a role beyond the invitation', () => ({ roles: ['operator'] }), 'role_not_granted'],
    ['a newcomer without a token', () => ({ tokenHash: null }), 'token_missing'],
    ['a newcomer with an unknown token', () => ({ tokenHash: new Uint8Array(32) }), 'invitation_unknown'],
    ['a renewal by a stranger', () => ({ kind: 'renew', tokenHash: null }), 'member_unknown'],
    ['a renewal by a member', () => ({ kind: 'renew', tokenHash: null, nodeId: world.id(1), roles: ['node', 'validator'] }), 'ok'],
    ['a renewal with a new role', () => ({ kind: 'renew', tokenHash: null, nodeId: world.id(1), roles: ['operator'] }), 'role_not_granted'],
    [
      'a renewal for somebody else',
      () => ({ kind: 'renew', tokenHash: null, nodeId: world.id(1), requester: stranger }),
      'requester_not_holder',
    ],
    ['a newcomer under the name of a validator', () => ({ names: ['::1', 'validator-2.mesh'] }), 'name_of_validator'],
    ["a newcomer under a name that is nobody's", () => ({ names: ['validator-3.mesh'] }), 'ok'],
    [
      'a validator under its own name',
      () => ({ kind: 'renew', tokenHash: null, nodeId: world.id(1), names: ['validator-2.mesh'], roles: ['validator'] }),
      'ok',
    ],
    [
      'a validator under the name of another',
      () => ({ kind: 'renew', tokenHash: null, nodeId: world.id(0), names: ['validator-2.mesh'], roles: ['validator'] }),
      'name_of_validator',
    ],
    ['a revocation by an operator', () => ({ kind: 'revoke', tokenHash: null, nodeId: world.id(1), requester: operator() }), 'ok'],
    [
      'a revocation by another member',
      () => ({ kind: 'revoke', tokenHash: null, nodeId: world.id(1), requester: world.id(0) }),
      'operator_unknown',
    ],
    [
      'a revocation by a stranger',
      () => ({ kind: 'revoke', tokenHash: null, nodeId: world.id(1), requester: stranger }),
      'operator_unknown',
    ],
  ];
  test.each(cases)('of %s is judged by agreed state', (_, change, code) => {
    const verdict = judgeIssuance(agreed(), questionOf(change()));
    expect(verdict).toEqual({ decision: code === 'ok' ? 'approved' : 'refused', code });
  });

  test('by an invitation that has expired is refused', () => {
    expect(judgeIssuance(agreed(world.time + 60_000), questionOf())).toMatchObject({ code: 'invitation_unknown' });
  });

  test('is answered under the witness key, for fresh questions of this mesh', async () => {
    const pair = (await founded.crypto.generateKeyPair('ml-dsa-44')) as KeyPair<'ml-dsa-44'>;
    const witness: Signer<'ml-dsa-44'> = founded.crypto.createSigner(pair);
    const clock = new SteppedClock(world.time);
    const handlers = issuanceHandlers({ ...agreed(), state: () => world.state, time: () => world.time, witness, clock });
    const decide = (question: IssuanceQuestion) => handlers.decide({ question: encodeQuestion(question) }, undefined as never);
    const verdict = await decide(questionOf());
    expect(verdict.decision).toBe('approved');
    expect(verifyVerdict(questionOf(), verdict, pair.publicKey, founded.crypto)).toBe(true);
    expect(verifyVerdict(questionOf({ roles: ['viewer'] }), verdict, pair.publicKey, founded.crypto)).toBe(false);
    await expect(decide(questionOf({ meshId: new Uint8Array(32) }))).rejects.toMatchObject({ code: 'hypermesh.transaction_mesh' });
    await clock.stepAndSettle(QUESTION_AGE_MS_MAX + 1);
    expect(await decide(questionOf())).toMatchObject({ decision: 'refused', code: 'question_stale' });
  });
});

test('there is a witness policy of version 1 from phase 1 on, by the validators of genesis', () => {
  const { genesis } = founded;
  expect(agreedWitnessPolicy(world.state, genesis, 1)).toBeNull();
  world.apply(world.id(0), { kind: 'phase.advance', to: 1 });
  expect(agreedWitnessPolicy(world.state, genesis, 1)).toEqual({ ...genesisPolicy(genesis), version: 1 });
  expect(agreedWitnessPolicy(world.state, genesis, 2)).toBeNull();
});
