import type { PeerIdentity } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { beforeEach, describe, expect, test } from 'vitest';
import { trustchainContract } from '../../src/api.ts';
import { METHOD_COSTS } from '../../src/service/handlers.ts';
import { BUCKET_COUNT_MAX, createRateLimit, type RateLimit } from '../../src/service/rate-limit.ts';

let clock: SteppedClock;
let limit: RateLimit;

beforeEach(() => {
  clock = new SteppedClock();
  limit = createRateLimit({ burstUnits: 60, unitsPerSecond: 1 }, clock);
});

function caller(kind: PeerIdentity['kind'], id: number, remoteAddress = '192.0.2.1:9'): Parameters<RateLimit['spend']>[0] {
  const key = {
    classical: { algorithm: 'ed25519', bytes: new Uint8Array() },
    postQuantum: { algorithm: 'falcon1024', bytes: new Uint8Array() },
  };
  const peer = {
    kind,
    id: Uint8Array.of(id >> 8, id),
    key,
    roles: [],
    names: [],
    notAfter: null,
    revocationIds: [],
    restricted: false,
  } as const;
  return { peer: peer as PeerIdentity, remoteAddress };
}

function spend(count: number, from: ReturnType<typeof caller>): number {
  for (let done = 0; done < count; done++) {
    try {
      limit.spend(from, 1);
    } catch {
      return done;
    }
  }
  return count;
}

describe('the rate limit', () => {
  test('refuses the 61st in a burst of 60, and says when to come again', () => {
    expect(spend(61, caller('bundle', 1))).toBe(60);
    expect(() => limit.spend(caller('bundle', 1), 5)).toThrow(
      expect.objectContaining({ code: 'trustchain.rate_limited', data: { retryAfterMs: 5_000 } }),
    );
    clock.step(5_000);
    expect(() => limit.spend(caller('bundle', 1), 5)).not.toThrow();
    expect(spend(1, caller('bundle', 1))).toBe(0);
  });

  test('keeps callers apart: identities, and for bare keys machines', () => {
    spend(60, caller('bundle', 1));
    expect(spend(1, caller('bundle', 2))).toBe(1);
    spend(60, caller('raw-key', 3));
    expect(spend(1, caller('raw-key', 4, '192.0.2.1:77'))).toBe(0);
    expect(spend(1, caller('raw-key', 4, '192.0.2.2:77'))).toBe(1);
    spend(60, caller('raw-key', 5, '[2001:db8:1:2::9]:1'));
    expect(spend(1, caller('raw-key', 5, '[2001:db8:1:2:ffff::1]:1'))).toBe(0);
    expect(spend(1, caller('raw-key', 5, '[2001:db8:1:3::9]:1'))).toBe(1);
    expect(spend(61, caller('raw-key', 5, 'memory-host:1'))).toBe(60);
    expect(spend(1, caller('raw-key', 5, '[::1]:1'))).toBe(1);
  });

  test('forgets the caller that was silent for longest when it knows too many', () => {
    spend(60, caller('bundle', 0));
    for (let id = 1; id < BUCKET_COUNT_MAX; id++) spend(1, caller('bundle', id));
    expect(spend(1, caller('bundle', 0))).toBe(0);
    for (let id = 1; id <= BUCKET_COUNT_MAX; id++) spend(1, caller('bundle', id));
    expect(spend(1, caller('bundle', 0))).toBe(1);
  });

  test('has a price for every method of the contract', () => {
    expect(Object.keys(METHOD_COSTS).toSorted()).toEqual(Object.keys(trustchainContract.methods).toSorted());
  });
});
