import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { type CodedError, stoqError } from '@hypermesh/stoq';
import { expect, test } from 'vitest';
import { createRenewer, type RenewerComponents } from '../../src/client/renewer.ts';
import { trustError } from '../../src/errors.ts';

/** When TrustChain is asked in the first five minutes, in milliseconds, if it answers with one failure after the other. */
async function asked(failureOf: (turn: number) => CodedError): Promise<readonly number[]> {
  const clock = new SteppedClock();
  const times: number[] = [];
  const roots = async (): Promise<never> => {
    times.push(clock.monotonic());
    throw failureOf(times.length);
  };
  const told: unknown[] = [];
  const components = {
    client: { roots },
    trust: { policy: () => ({ version: 1 }) },
    clock,
    entropy: { bytes: (length: number) => new Uint8Array(length).fill(255) },
    onError: (error: unknown) => told.push(error),
  };
  const renewer = createRenewer({ bundlePath: '' }, components as unknown as RenewerComponents);
  await renewer.start();
  for (let second = 0; second < 300; second++) {
    await new Promise(setImmediate);
    clock.step(1_000);
  }
  await renewer.stop();
  expect(told).toHaveLength(times.length);
  return times;
}

test('a member whose cosigned checkpoint is due asks every second', async () => {
  const times = await asked(() => trustError('trustchain.witness_quorum_missing'));
  expect(times.slice(0, 4)).toEqual([0, 1_000, 2_000, 3_000]);
  expect(times).toHaveLength(300);
});

test('a TrustChain that does not answer is given time', async () => {
  const times = await asked(() => stoqError('stoq.rpc_deadline'));
  expect(times.length).toBeGreaterThan(5);
  expect(times.length).toBeLessThan(15);
});

test('missing witnesses do not add to the wait after the first call that fails', async () => {
  const times = await asked((turn) => (turn === 100 ? stoqError('stoq.rpc_deadline') : trustError('trustchain.witness_quorum_missing')));
  expect((times[100] as number) - (times[99] as number)).toBeLessThanOrEqual(1_000);
});
