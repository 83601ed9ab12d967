import { Prng } from '@hypermesh/testkit';
import { describe, expect, it } from 'vitest';
import { Balancer, keyOf, type Outcome } from '../../src/ingress/balancer.ts';
import type { Endpoint } from '../../src/mesh-machine/endpoint.ts';

const endpoint = (placement: string, lease = 1): Endpoint => ({ placement, lease, node: new Uint8Array(32), addresses: [] });
const [A, B, C] = [endpoint('a'), endpoint('b'), endpoint('c')];
const NONE: ReadonlySet<string> = new Set();

function balancer(seed = 1): Balancer {
  const random = new Prng(seed);
  return new Balancer(() => random.fraction());
}
/** One request that takes so long. */
function serve(
  of: Balancer,
  endpoints: readonly Endpoint[],
  now: number,
  tookMs: (chosen: Endpoint) => number,
  outcome: Outcome = 'answered',
): Endpoint {
  const choice = of.choose(endpoints, NONE, now);
  choice.done(outcome, now + tookMs(choice.endpoint));
  return choice.endpoint;
}

describe('the balancer', () => {
  it('spreads requests over equals', () => {
    const of = balancer();
    const counts = new Map<string, number>();
    for (let request = 0; request < 3_000; request++) {
      const { placement } = serve(of, [A, B, C], request, () => 10);
      counts.set(placement, (counts.get(placement) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(count).toBeGreaterThan(700);
  });

  it('prefers what answers faster', () => {
    const of = balancer();
    let fast = 0;
    for (let request = 0; request < 1_000; request++) {
      if (serve(of, [A, B], request, ({ placement }) => (placement === 'a' ? 100 : 5)) === B) fast += 1;
    }
    expect(fast).toBeGreaterThan(700);
  });

  it('prefers what has less to do', () => {
    const of = balancer();
    for (const each of [A, B]) of.choose([each], NONE, 0).done('answered', 10);
    for (let request = 0; request < 5; request++) of.choose([A], NONE, 0);
    const counts = Array.from({ length: 100 }, () => {
      const choice = of.choose([A, B], NONE, 0);
      choice.done('answered', 10);
      return choice.endpoint;
    });
    expect(counts.filter((chosen) => chosen === B).length).toBeGreaterThan(60);
  });

  it('leaves a failed replica alone, longer each time, and takes it when nothing else is there', () => {
    const of = balancer();
    of.choose([A], NONE, 0).done('failed', 0);
    for (let request = 0; request < 50; request++) expect(serve(of, [A, B], 499, () => 1)).toBe(B);
    expect(of.choose([A], NONE, 499).endpoint).toBe(A);
    of.choose([A], NONE, 500).done('failed', 500);
    for (let request = 0; request < 50; request++) expect(serve(of, [A, B], 1_499, () => 1)).toBe(B);
    of.choose([A], NONE, 1_500).done('answered', 1_501);
    expect(new Set(Array.from({ length: 50 }, () => serve(of, [A, B], 1_502, () => 1)))).toContain(A);
  });

  it('does not blame a replica for what says nothing about it', () => {
    const of = balancer();
    of.choose([A], NONE, 0).done('unknown', 0);
    expect(new Set(Array.from({ length: 50 }, () => serve(of, [A, B], 1, () => 1)))).toContain(A);
  });

  it('judges a replica under a new lease anew', () => {
    const of = balancer();
    of.choose([A], NONE, 0).done('failed', 0);
    expect(new Set(Array.from({ length: 50 }, () => serve(of, [endpoint('a', 2), B], 1, () => 1).lease))).toContain(2);
  });

  it('passes over what was tried, and says when nothing is left', () => {
    const of = balancer();
    for (let request = 0; request < 20; request++) expect(of.choose([A, B], new Set([keyOf(A)]), 0).endpoint).toBe(B);
    expect(() => of.choose([A], new Set([keyOf(A)]), 0)).toThrowError(expect.objectContaining({ code: 'hypermesh.no_replica' }));
    expect(() => of.choose([], NONE, 0)).toThrowError(expect.objectContaining({ code: 'hypermesh.no_replica' }));
  });

  it('forgets replicas that were not used for the longest time', () => {
    const of = balancer();
    of.choose([A], NONE, 0).done('failed', 0);
    for (let other = 0; other < 4_096; other++) of.choose([endpoint(`other-${other}`)], NONE, 0).done('answered', 0);
    expect(new Set(Array.from({ length: 50 }, () => serve(of, [A, B], 1, () => 1)))).toContain(A);
  });
});
