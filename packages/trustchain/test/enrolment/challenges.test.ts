import { createCrypto, type Crypto, decapsulate, type KeyPair, systemEntropy } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  CHALLENGE_COUNT_MAX,
  CHALLENGE_LIFETIME_MS,
  type Challenges,
  CHALLENGES_PER_REQUESTER_MAX,
  createChallenges,
} from '../../src/enrolment/challenges.ts';

const digest = new Uint8Array(32).fill(1);

let crypto: Crypto;
let kem: KeyPair<'ml-kem-1024'>;
let clock: SteppedClock;
let challenges: Challenges;

beforeAll(async () => {
  crypto = await createCrypto();
  kem = await crypto.generateKeyPair('ml-kem-1024');
});
afterAll(() => crypto.close());
beforeEach(() => {
  clock = new SteppedClock();
  challenges = createChallenges({ clock, entropy: systemEntropy });
});

const unknown = expect.objectContaining({ code: 'trustchain.challenge_unknown' });

describe('a challenge', () => {
  test('shares a secret with the holder of the KEM key, once', () => {
    const { challenge, ciphertext } = challenges.issue('a', digest, kem.publicKey);
    expect(challenges.take(challenge, digest)).toEqual(decapsulate(kem.secretKey, ciphertext));
    expect(() => challenges.take(challenge, digest)).toThrow(unknown);
  });

  test('serves one request only, and is spent by a wrong one', () => {
    const { challenge } = challenges.issue('a', digest, kem.publicKey);
    expect(() => challenges.take(challenge, new Uint8Array(32))).toThrow(unknown);
    expect(() => challenges.take(challenge, digest)).toThrow(unknown);
  });

  test('ends after a minute', () => {
    const { challenge } = challenges.issue('a', digest, kem.publicKey);
    clock.step(CHALLENGE_LIFETIME_MS - 1);
    const later = challenges.issue('a', digest, kem.publicKey);
    clock.step(1);
    expect(() => challenges.take(challenge, digest)).toThrow(unknown);
    expect(challenges.take(later.challenge, digest)).toHaveLength(32);
  });

  test('ends when its requester asks for several more, and no other requester', () => {
    const [mine, other] = ['a', 'b'].map((requester) => challenges.issue(requester, digest, kem.publicKey).challenge);
    for (let count = 1; count < CHALLENGES_PER_REQUESTER_MAX; count++) challenges.issue('a', digest, kem.publicKey);
    expect(challenges.take(other as Uint8Array, digest)).toHaveLength(32);
    challenges.issue('a', digest, kem.publicKey);
    expect(() => challenges.take(mine as Uint8Array, digest)).toThrow(unknown);
  });

  test('is refused when too many are under way, until they end', () => {
    for (let count = 0; count < CHALLENGE_COUNT_MAX; count++) challenges.issue(`requester ${count}`, digest, kem.publicKey);
    expect(() => challenges.issue('a', digest, kem.publicKey)).toThrow(expect.objectContaining({ code: 'trustchain.enrolment_overload' }));
    clock.step(CHALLENGE_LIFETIME_MS);
    expect(() => challenges.issue('a', digest, kem.publicKey)).not.toThrow();
  });
});
