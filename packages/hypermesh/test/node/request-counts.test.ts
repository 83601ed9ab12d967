import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Host } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import type { HeldPlacement } from '../../src/agent/reconcile.ts';
import { CLOSED_KEPT_MS } from '../../src/mesh-machine/limits.ts';
import { closePlacement, openPlacement, type Placement } from '../../src/mesh-machine/placement.ts';
import { COUNT_INTERVAL_MS, COUNTS_PER_ROUND_MAX, createRequestCounts, type RequestCounts } from '../../src/node/request-counts.ts';
import { found, type Founded, World } from '../mesh-machine/fixture.ts';

let founded: Founded;
let world: World;
let counts: RequestCounts;
let clock: SteppedClock;
/** Of whom an ingress was asked, in one round or more. */
let asked: Set<string>;
/** What each ingress has counted, by its first address; null: it does not answer. */
let counted: Map<string, number | null>;
let submitted: number[][];
let failures: unknown[];
let refuse: boolean;
/** A count that the ledger refuses, and all that are ordered with it. */
const FORGED = 255;

const held = (id: string, phase: HeldPlacement['phase'] = 'running'): HeldPlacement => ({ id, lease: 1, phase, failures: 0, since: 0 });
let placements: HeldPlacement[];

let opened: Placement[];

/** The next replica of `hello`, placed on the node whose counts these are. */
function open(): Placement {
  const id = world.id(1);
  const resources = { cpuMillis: 1, memoryBytes: 1 };
  const placed = { app: 'hello', appOwner: id, generation: 1, exclusive: false, node: id, provider: id, lease: 1, ...resources };
  return openPlacement(world.state, placed, clock.now());
}

beforeAll(async () => {
  founded = await found(3);
});
afterAll(() => founded.crypto.close());

beforeEach(() => {
  world = new World(founded);
  clock = new SteppedClock();
  for (const node of [0, 1, 2]) {
    world.describe(node, { addresses: [`127.0.0.1:${node + 1}`], ingress: node === 2 ? null : `http://127.0.0.1:${node + 80}` });
  }
  counted = new Map([['127.0.0.1:1', 7]]);
  [submitted, failures, refuse] = [[], [], false];
  asked = new Set();
  opened = [open(), open()];
  placements = [held('hello-1'), held('hello-2', 'failed')];
  const host: Pick<Host, 'connect'> = {
    connect: (_contract, { addresses }) =>
      ({
        async countersign({ placement }: { placement: string }) {
          asked.add(placement);
          const requests = counted.get(addresses[0] as string) ?? null;
          if (requests === null) throw new Error('silent');
          return { requests, counted: Uint8Array.of(requests) };
        },
      }) as never,
  };
  counts = createRequestCounts({
    node: world.id(1),
    agent: { placements: () => placements },
    host,
    state: () => world.state,
    async submit(fresh) {
      if (refuse || fresh.some(([requests]) => requests === FORGED)) throw new Error('refused');
      submitted.push(fresh.map(([requests]) => requests as number));
    },
    clock,
    onFailure: (error) => failures.push(error),
  });
  counts.start();
});

describe('request counts', () => {
  test('of running placements are fetched from the ingresses of other nodes and ordered when they have grown', async () => {
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    expect(submitted).toEqual([[7]]);
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    expect(submitted).toEqual([[7]]);
    counted.set('127.0.0.1:1', 9);
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    expect(submitted).toEqual([[7], [9]]);
    await counts.stop();
    counted.set('127.0.0.1:1', 11);
    await clock.stepAndSettle(3 * COUNT_INTERVAL_MS);
    expect(submitted).toHaveLength(2);
  });

  test('are sent again when they were not ordered, and silence of an ingress is no failure', async () => {
    refuse = true;
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    expect(failures).toHaveLength(1);
    refuse = false;
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    expect(submitted).toEqual([[7]]);
    counted.set('127.0.0.1:1', null);
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    expect([submitted.length, failures.length]).toEqual([1, 1]);
    await counts.stop();
  });

  test('of one ingress that are refused cost no other ingress its own', async () => {
    world.describe(2, { addresses: ['127.0.0.1:3'], ingress: 'http://127.0.0.1:82' });
    counted.set('127.0.0.1:3', FORGED);
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    expect([submitted, failures.length]).toEqual([[[7]], 1]);
    counted.set('127.0.0.1:1', 9);
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    expect([submitted, failures.length]).toEqual([[[7], [9]], 2]);
    await counts.stop();
  });

  test('are asked for after the end of a placement, as long as the ledger waits for them', async () => {
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    placements = [];
    closePlacement(world.state, opened[0]!, 'removed', clock.now(), clock.now());
    counted.set('127.0.0.1:1', 9);
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    expect(submitted).toEqual([[7], [9]]);
    counted.set('127.0.0.1:1', 11);
    await clock.stepAndSettle(CLOSED_KEPT_MS - COUNT_INTERVAL_MS - 1);
    counted.set('127.0.0.1:1', 13);
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    expect(submitted).toEqual([[7], [9], [11]]);
    await counts.stop();
  });

  test('of more placements than a round holds are asked for in turn', async () => {
    for (let at = 0; at < COUNTS_PER_ROUND_MAX; at++) opened.push(open());
    placements = opened.map(({ id }) => held(id));
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    expect(asked.size).toBe(COUNTS_PER_ROUND_MAX);
    await clock.stepAndSettle(COUNT_INTERVAL_MS);
    expect(asked.size).toBe(opened.length);
    await counts.stop();
  });
});
