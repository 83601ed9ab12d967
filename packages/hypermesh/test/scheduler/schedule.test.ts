import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, explain, lackOf, type Refusal, schedule } from '../../src/scheduler/schedule.ts';

const DEMAND = { kind: 'wasm', cpuMillis: 100, memoryBytes: 100 };

function candidate(node: number, changes: Partial<Candidate> = {}): Candidate {
  return {
    node: new Uint8Array(32).fill(node),
    packageKinds: ['wasm'],
    capacity: { cpuMillis: 1_000, memoryBytes: 1_000, workloads: 10 },
    used: { cpuMillis: 0, memoryBytes: 0, workloads: 0 },
    cordoned: false,
    inService: true,
    proven: true,
    leased: true,
    replicas: 0,
    avoided: false,
    ...changes,
  };
}
const chosen = (...candidates: Candidate[]): number | readonly Refusal[] => {
  const choice = schedule(candidates, DEMAND);
  return choice.candidate === undefined ? choice.refusals : (choice.candidate.node[0] as number);
};

describe('schedule', () => {
  it.each<[Refusal, Partial<Candidate>]>([
    ['kind', { packageKinds: ['container'] }],
    ['size', { capacity: { cpuMillis: 99, memoryBytes: 1_000, workloads: 10 } }],
    ['size', { capacity: { cpuMillis: 1_000, memoryBytes: 99, workloads: 10 } }],
    ['lease', { leased: false }],
    ['cordoned', { cordoned: true }],
    ['service', { inService: false }],
    ['verdict', { proven: false }],
    ['capacity', { used: { cpuMillis: 901, memoryBytes: 0, workloads: 1 } }],
    ['capacity', { used: { cpuMillis: 0, memoryBytes: 901, workloads: 1 } }],
    ['capacity', { used: { cpuMillis: 0, memoryBytes: 0, workloads: 10 } }],
  ])('refuses for %s', (refusal, changes) => {
    expect(chosen(candidate(1, changes))).toEqual([refusal]);
    expect(chosen(candidate(1, changes), candidate(2))).toBe(2);
  });

  it.each<[string, Partial<Candidate>, Partial<Candidate>]>([
    ['that is not avoided', { avoided: true }, { replicas: 3 }],
    ['with fewer replicas', { replicas: 1 }, { used: { cpuMillis: 800, memoryBytes: 0, workloads: 1 } }],
    [
      'with more of what is scarcer',
      { used: { cpuMillis: 500, memoryBytes: 0, workloads: 1 } },
      { used: { cpuMillis: 400, memoryBytes: 400, workloads: 2 } },
    ],
  ])('prefers the node %s', (_, worse, better) => {
    expect(chosen(candidate(1, worse), candidate(2, better))).toBe(2);
    expect(chosen(candidate(2, better), candidate(1, worse))).toBe(2);
  });

  it('takes the lowest id among equals, in whatever order they come', () => {
    expect(chosen(candidate(3), candidate(1), candidate(2))).toBe(1);
  });

  it('depends on the set of candidates only', () => {
    const any = fc.record({ used: fc.nat(900), replicas: fc.nat(3), avoided: fc.boolean(), cordoned: fc.boolean() });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 6 }), (drawn) => {
        const candidates = drawn.map(({ used, ...rest }, at) =>
          candidate(at + 1, { ...rest, used: { cpuMillis: used, memoryBytes: 0, workloads: 0 } }),
        );
        expect(schedule([...candidates].reverse(), DEMAND).candidate).toEqual(schedule(candidates, DEMAND).candidate);
      }),
    );
  });

  it('says whether waiting can help', () => {
    expect(lackOf(candidate(1, { packageKinds: [] }), DEMAND)).toBe('kind');
    expect(lackOf(candidate(1), { ...DEMAND, memoryBytes: 1_001 })).toBe('size');
    expect(lackOf(candidate(1, { leased: false, used: { cpuMillis: 1_000, memoryBytes: 0, workloads: 1 } }), DEMAND)).toBeUndefined();
    expect(explain([])).toBe('no node has described itself');
    expect(explain(['capacity', 'kind', 'capacity'])).toBe('of 3 nodes: 1 without a driver, 2 full');
  });
});
