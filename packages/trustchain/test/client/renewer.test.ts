import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { type CodedError, stoqError } from '@hypermesh/stoq';
import { expect, test } from 'vitest';
import { createRenewer, type RenewerComponents } from '../../src/client/renewer.ts';
import { trustError } from '../../src/errors.ts';

/** How often TrustChain is asked in the first five minutes, when it always answers with that failure. */
async function asked(failure: CodedError): Promise<number> {
  const clock = new SteppedClock();
  let count = 0;
  const roots = async (): Promise<never> => {
    count += 1;
    throw failure;
  };
  const components = {
    client: { roots },
    trust: { policy: () => ({ version: 1 }) },
    clock,
    entropy: { bytes: (length: number) => new Uint8Array(length).fill(255) },
    onError: (error: unknown) => expect(error).toBe(failure),
  };
  const renewer = createRenewer({ bundlePath: '' }, components as unknown as RenewerComponents);
  await renewer.start();
  for (let second = 0; second < 300; second++) {
    await new Promise(setImmediate);
    clock.step(1_000);
  }
  await renewer.stop();
  return count;
}

test('a member whose cosigned checkpoint is on its way goes on asking, one that TrustChain does not answer gives it time', async () => {
  expect(await asked(trustError('trustchain.witness_quorum_missing'))).toBeGreaterThan(100);
  expect(await asked(stoqError('stoq.rpc_deadline'))).toBeLessThan(15);
});
