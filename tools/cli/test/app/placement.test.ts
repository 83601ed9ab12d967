import { describe, expect, test } from 'vitest';
import type { AppAnswer, NodeAnswer } from '@hypermesh/mesh/client';
import { objectionsOf } from '../../src/app/explain.ts';
import { isReady } from '../../src/app/wait.ts';
import { whyNot } from '../../src/node/show.ts';

const id = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const verdict = (window: number): NodeAnswer['verdict'] => ({ window, sequence: 1, digest: id(window), previous: id(0), orderedAt: 0 });

function nodeAnswer(changes: Partial<NodeAnswer['node']> = {}, answer: Partial<NodeAnswer> = {}): NodeAnswer {
  const capacity = { cpuMillis: 1_000, memoryBytes: 2 ** 30, workloads: 2 };
  const node = {
    packageKinds: ['wasm'],
    capacity,
    addresses: [],
    ingress: null,
    storageRoot: id(0),
    id: id(1),
    cordoned: false,
    describedAt: 0,
  };
  const usage = { cpuMillis: 0, memoryBytes: 0, workloads: 0, ready: 0 };
  const lease = { number: 1, expiresAt: 1, expired: false, extended: false };
  return { node: { ...node, ...changes }, name: 'node-1', lease, usage, verdict: verdict(3), schedulable: true, ...answer };
}

describe('why a node takes no replica', () => {
  const demand = { package: { kind: 'wasm' }, resources: { cpuMillis: 600, memoryBytes: 2 ** 20 } };
  const used = { cpuMillis: 600, memoryBytes: 0, workloads: 1, ready: 1 };

  test.each([
    { answer: nodeAnswer(), objection: /^$/u },
    { answer: nodeAnswer({ packageKinds: ['container'] }), objection: /no driver for wasm/u },
    { answer: nodeAnswer({ capacity: { cpuMillis: 500, memoryBytes: 2 ** 30, workloads: 2 } }), objection: /too small/u },
    { answer: nodeAnswer({ cordoned: true }, { schedulable: false }), objection: /cordoned/u },
    { answer: nodeAnswer({}, { schedulable: false, lease: null }), objection: /no lease/u },
    { answer: nodeAnswer({}, { schedulable: false, verdict: null }), objection: /no proof of state/u },
    { answer: nodeAnswer({}, { usage: used }), objection: /full: 400 thousandths/u },
    { answer: nodeAnswer({}, { usage: { ...used, cpuMillis: 0, workloads: 2 } }), objection: /full: 2 workloads/u },
  ])('$objection', ({ answer, objection }) => {
    expect(objectionsOf(demand, [answer])[0]?.objection).toMatch(objection);
  });

  test('one out of service is told from one without proof', () => {
    expect(whyNot(nodeAnswer({}, { schedulable: false }))).toBe('out of service or unproven');
  });
});

describe('an app is ready', () => {
  const placement = { generation: 2, phase: 'ready' };
  const app = { spec: { replicas: 2 }, generation: 2, state: 'active', ended: 0 };

  test.each([
    { app, placements: [placement, placement], ready: true },
    { app, placements: [placement, { ...placement, generation: 1 }], ready: false },
    { app, placements: [placement, { ...placement, phase: 'starting' }], ready: false },
    { app: { ...app, ended: 1 }, placements: [placement], ready: true },
    { app: { ...app, state: 'suspended' }, placements: [placement, placement], ready: false },
  ])('with $placements: $ready', ({ ready, ...answer }) => {
    expect(isReady(answer as unknown as AppAnswer)).toBe(ready);
  });
});
