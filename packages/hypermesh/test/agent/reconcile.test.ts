import { describe, expect, it } from 'vitest';
import type { DesiredPlacement } from '../../src/agent/desired.ts';
import { type Action, type HeldPlacement, reconcile, restartDelay, RESTART_MS_MAX, RESTART_MS_MIN } from '../../src/agent/reconcile.ts';

const NOW = 100_000;

function desired(changes: Partial<DesiredPlacement> = {}): DesiredPlacement {
  return {
    id: 'a-1',
    lease: 1,
    app: 'a',
    packageRoot: new Uint8Array(32),
    manifest: new Uint8Array(32),
    env: {},
    args: [],
    limits: { memoryBytesMax: 1, pidsMax: 1, cpuMillis: 1, fuelPerRequest: 1n, requestMsMax: 1 },
    health: null,
    exclusive: false,
    ...changes,
  };
}
const held = (changes: Partial<HeldPlacement> = {}): HeldPlacement => ({
  id: 'a-1',
  lease: 1,
  phase: 'running',
  failures: 0,
  since: NOW,
  ...changes,
});
const shortOf = (action: Action): string =>
  action.kind === 'stop' ? `stop ${action.id}` : `start ${action.placement.id} after ${action.failures}`;

describe('reconcile', () => {
  it.each<[string, DesiredPlacement[], HeldPlacement[], string[]]>([
    ['starts what is new', [desired()], [], ['start a-1 after 0']],
    ['leaves alone what runs', [desired()], [held()], []],
    ['leaves alone what starts', [desired()], [held({ phase: 'starting' })], []],
    ['leaves alone what stops', [desired()], [held({ phase: 'stopping' })], []],
    ['stops what is not wanted', [], [held()], ['stop a-1']],
    ['stops a start that is not wanted', [], [held({ phase: 'starting' })], ['stop a-1']],
    ['forgets a failure that is not wanted', [], [held({ phase: 'failed' })], ['stop a-1']],
    ['does not stop twice', [], [held({ phase: 'stopping' })], []],
    ['stops the run of an older lease before the next', [desired({ lease: 2 })], [held()], ['stop a-1']],
    ['waits while the older run stops', [desired({ lease: 2 })], [held({ phase: 'stopping' })], []],
    ['waits after a failure', [desired()], [held({ phase: 'failed', failures: 1, since: NOW - restartDelay(1) + 1 })], []],
    ['restarts after the wait', [desired()], [held({ phase: 'failed', failures: 1, since: NOW - restartDelay(1) })], ['start a-1 after 1']],
    ['starts exclusive ones under a lease that holds', [desired({ exclusive: true })], [], ['start a-1 after 0']],
    ['does not start exclusive ones under another', [desired({ exclusive: true, lease: 2 })], [], []],
    [
      'treats each by itself',
      [desired({ id: 'b-2' }), desired({ id: 'c-3' })],
      [held(), held({ id: 'c-3' })],
      ['stop a-1', 'start b-2 after 0'],
    ],
  ])('%s', (_, wanted, known, actions) => {
    expect(reconcile(wanted, known, NOW, (lease) => lease === 1).map(shortOf)).toEqual(actions);
  });

  it('waits longer after each failure, up to a limit', () => {
    expect([0, 1, 2].map(restartDelay)).toEqual([RESTART_MS_MIN, 2 * RESTART_MS_MIN, 4 * RESTART_MS_MIN]);
    expect(restartDelay(1_000)).toBe(RESTART_MS_MAX);
  });
});
