import type { Clock, Crypto } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import { BoundedCache } from '../log/bounded-cache.ts';
import { type Question, type VerifiedAnswer, verifyAnswer, type ZoneTrust } from './answer.ts';
import type { RecordSet, RecordType } from './record.ts';

/** Looks names up and believes nothing that the zone has not signed. */
export interface Resolver {
  /**
   * Throws `trustchain.name_unknown` for a signed denial, `trustchain.zone_invalid` for an answer that does not hold, and
   * the errors of the call.
   */
  resolve(name: string, type: RecordType, options?: { readonly signal?: AbortSignal }): Promise<RecordSet>;
}

export interface ResolverComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly trust: ZoneTrust;
  /** `names.resolve` of a trust client. */
  readonly ask: (question: Question, options: { readonly signal?: AbortSignal }) => Promise<{ readonly answer: Uint8Array }>;
}

// As the zone: every name of a large mesh, with the answers of a few of its types.
export const CACHED_ANSWERS_MAX: number = 10_000;

export function createResolver({ crypto, clock, trust, ask }: ResolverComponents): Resolver {
  const cache = new BoundedCache<VerifiedAnswer>(CACHED_ANSWERS_MAX);

  const answerOf = async (question: Question, options: { readonly signal?: AbortSignal }): Promise<VerifiedAnswer> => {
    const key = `${question.type} ${question.name}`;
    const known = cache.get(key);
    if (known !== undefined && known.expiresAt > clock.now()) return known;
    const { answer } = await ask(question, options);
    const verified = verifyAnswer(answer, question, trust, clock.now(), crypto);
    cache.set(key, verified);
    return verified;
  };

  return {
    async resolve(name, type, options = {}) {
      const { answer } = await answerOf({ name, type }, options);
      if (answer.kind === 'denial') throw trustError('trustchain.name_unknown', { name, type, exists: answer.from === name });
      return answer;
    },
  };
}
