import { type Clock, encapsulate, type Entropy, type PublicKey, wipe } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';

export interface IssuedChallenge {
  readonly challenge: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly lifetimeMs: number;
}

/** Challenges under way: bounded, in memory, each good for one answer about one request. */
export interface Challenges {
  /**
   * For a requester that has proven who it is; of one with many under way the oldest ends. Throws `trustchain.enrolment_overload`, or `stoq.key_malformed` for an unusable KEM key.
   */
  issue(requester: string, requestDigest: Uint8Array, kemKey: PublicKey<'ml-kem-1024'>): IssuedChallenge;
  /** The shared secret; the challenge is spent whatever happens next. Throws `trustchain.challenge_unknown`. */
  take(challenge: Uint8Array, requestDigest: Uint8Array): Uint8Array;
}

interface Pending {
  readonly requester: string;
  readonly requestDigest: Uint8Array;
  readonly secret: Uint8Array;
  /** On the monotonic clock. */
  readonly expiresAt: number;
}

// Signing on a slow machine takes under a second; the rest is the network.
export const CHALLENGE_LIFETIME_MS: number = 60_000;
// 100 bytes each; four times the nodes of a large mesh that all start at once.
export const CHALLENGE_COUNT_MAX: number = 4_096;
// One that is answered, and those of attempts that were cut off within the minute.
export const CHALLENGES_PER_REQUESTER_MAX: number = 4;
const CHALLENGE_BYTES = 32;

export function createChallenges(components: { readonly clock: Clock; readonly entropy: Entropy }): Challenges {
  const { clock, entropy } = components;
  // In order of issue, which is the order of expiry.
  const pending = new Map<string, Pending>();

  const end = (key: string, { secret }: Pending): void => {
    wipe(secret);
    pending.delete(key);
  };

  const sweep = (): void => {
    for (const [key, challenge] of pending) {
      if (challenge.expiresAt > clock.monotonic()) return;
      end(key, challenge);
    }
  };

  const makeRoom = (requester: string): void => {
    const own = [...pending].filter(([, challenge]) => challenge.requester === requester);
    const [oldest] = own;
    if (oldest !== undefined && own.length >= CHALLENGES_PER_REQUESTER_MAX) end(...oldest);
    if (pending.size >= CHALLENGE_COUNT_MAX) throw trustError('trustchain.enrolment_overload', { countMax: CHALLENGE_COUNT_MAX });
  };

  return {
    issue(requester, requestDigest, kemKey) {
      sweep();
      makeRoom(requester);
      const { secret, ciphertext } = encapsulate(kemKey);
      const challenge = entropy.bytes(CHALLENGE_BYTES);
      pending.set(hex(challenge), { requester, requestDigest, secret, expiresAt: clock.monotonic() + CHALLENGE_LIFETIME_MS });
      return { challenge, ciphertext, lifetimeMs: CHALLENGE_LIFETIME_MS };
    },
    take(challenge, requestDigest) {
      sweep();
      const found = pending.get(hex(challenge));
      pending.delete(hex(challenge));
      if (found === undefined || Buffer.compare(found.requestDigest, requestDigest) !== 0) throw trustError('trustchain.challenge_unknown');
      return found.secret;
    },
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
