import { createCrypto, type Crypto, type Signer } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeQuestion, encodeQuestion, type IssuanceQuestion, signVerdict, verifyVerdict } from '../../src/policy/question.ts';
import { NOW } from '../fixtures.ts';

const question: IssuanceQuestion = {
  meshId: new Uint8Array(32).fill(1),
  kind: 'enrol',
  requestHash: new Uint8Array(32).fill(2),
  nodeId: new Uint8Array(32).fill(3),
  requester: new Uint8Array(32).fill(9),
  roles: ['node', 'validator'],
  names: ['node-1.mesh', '::1'],
  tokenHash: new Uint8Array(32).fill(4),
  askedAt: NOW,
};

let crypto: Crypto;
let signer: Signer<'ml-dsa-44'>;

beforeAll(async () => {
  crypto = await createCrypto();
  signer = crypto.createSigner(await crypto.generateKeyPair('ml-dsa-44'));
});
afterAll(() => crypto.close());

describe('a question', () => {
  test.each(['enrol', 'renew', 'revoke'] as const)('of kind %s round-trips', (kind) => {
    const asked = { ...question, kind, tokenHash: kind === 'enrol' ? question.tokenHash : null };
    expect(decodeQuestion(encodeQuestion(asked))).toEqual(asked);
  });

  test.each([
    ['empty', new Uint8Array()],
    ['followed by a byte', Uint8Array.from([...encodeQuestion(question), 0])],
    ['too large', new Uint8Array(33 * 1024)],
  ])('%s is refused', (_name, encoded) => {
    expect(() => decodeQuestion(encoded)).toThrow(expect.objectContaining({ code: 'trustchain.question_malformed' }));
  });
});

describe('a verdict', () => {
  test('binds the question, the decision and the code', async () => {
    const verdict = await signVerdict(question, { decision: 'approved', code: 'ok' }, signer);
    expect(verifyVerdict(question, verdict, signer.publicKey, crypto)).toBe(true);
    const others: [IssuanceQuestion, Partial<typeof verdict>][] = [
      [{ ...question, askedAt: NOW + 1 }, {}],
      [{ ...question, roles: ['node'] }, {}],
      [{ ...question, tokenHash: null }, {}],
      [question, { decision: 'refused' }],
      [question, { code: 'other' }],
      [question, { signature: new Uint8Array(2420) }],
    ];
    for (const [other, change] of others) {
      expect(verifyVerdict(other, { ...verdict, ...change }, signer.publicKey, crypto)).toBe(false);
    }
  });
});
