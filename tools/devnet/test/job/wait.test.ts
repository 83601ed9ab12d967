import { expect, test } from 'vitest';
import { waitUntil } from '../../src/job/wait.ts';

const { signal } = new AbortController();

test.each([
  { ask: () => Promise.reject(new Error('nobody answers')), reason: 'nobody answers' },
  { ask: async () => false as const, reason: undefined },
])('what did not happen is told with the last reason: $reason', async ({ ask, reason }) => {
  const waiting = waitUntil('the sun', 150, signal, ask);
  await expect(waiting).rejects.toMatchObject({ code: 'devnet.step_failed', data: { waitedFor: 'the sun', timeoutMs: 150, reason } });
});

test('a wait ends with its signal', async () => {
  const controller = new AbortController();
  const waiting = waitUntil('the sun', 60_000, controller.signal, async () => {
    controller.abort();
    return undefined;
  });
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});
