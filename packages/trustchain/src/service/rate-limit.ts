import { type CallContext, type Clock, type PeerIdentity, parseAddress, stoqError } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';

export interface RateLimitConfig {
  /** Units that one caller may spend at once. */
  readonly burstUnits: number;
  /** Units that come back in a second. */
  readonly unitsPerSecond: number;
}

/** Token buckets by caller: a method costs units in proportion to the work that it causes. */
export interface RateLimit {
  /** Throws `trustchain.rate_limited` with `retryAfterMs`. */
  spend(context: Pick<CallContext, 'peer' | 'remoteAddress'>, units: number): void;
}

interface Bucket {
  units: number;
  /** On the monotonic clock. */
  at: number;
}

// Identities and addresses of the largest mesh; the one that was silent for longest gives way.
export const BUCKET_COUNT_MAX: number = 10_000;

export function createRateLimit({ burstUnits, unitsPerSecond }: RateLimitConfig, clock: Clock): RateLimit {
  const buckets = new Map<string, Bucket>();
  return {
    spend({ peer, remoteAddress }, units) {
      const key = callerOf(peer, remoteAddress);
      const now = clock.monotonic();
      const { units: left, at } = buckets.get(key) ?? { units: burstUnits, at: now };
      const present = Math.min(burstUnits, left + ((now - at) * unitsPerSecond) / 1000);
      const enough = present >= units;
      buckets.delete(key);
      if (buckets.size >= BUCKET_COUNT_MAX) buckets.delete(buckets.keys().next().value as string);
      buckets.set(key, { units: enough ? present - units : present, at: now });
      if (enough) return;
      throw trustError('trustchain.rate_limited', { retryAfterMs: Math.ceil(((units - present) * 1000) / unitsPerSecond) });
    },
  };
}

/** A proven identity; where a key costs nothing, the machine: an IPv4 address, or the /64 of an IPv6 address. */
function callerOf(peer: PeerIdentity, remoteAddress: string): string {
  if (peer.kind !== 'raw-key') return `id ${Buffer.from(peer.id).toString('hex')}`;
  try {
    const { host, family } = parseAddress(remoteAddress);
    return family === 4 ? `ip ${host}` : `ip ${networkOf(host)}`;
  } catch (error) {
    // The memory carrier has addresses of its own.
    if (!stoqError.is(error, 'stoq.carrier_address')) throw error;
    return `ip ${remoteAddress}`;
  }
}

function networkOf(host: string): string {
  const [head = '', tail] = host.split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => '0');
  return [...groups, ...zeros, ...rest].slice(0, 4).join(':');
}
