import { setTimeout as pause } from 'node:timers/promises';
import { devnetError } from '../errors.ts';

const POLL_MS = 100;

/** Asks until the answer is not false or undefined. Throws `devnet.step_failed` with what was awaited and what went wrong last. */
export async function waitUntil<T>(
  what: string,
  timeoutMs: number,
  signal: AbortSignal,
  ask: () => Promise<T | false | undefined>,
): Promise<T> {
  const deadline = AbortSignal.timeout(timeoutMs);
  let problem: Error | undefined;
  while (!deadline.aborted) {
    signal.throwIfAborted();
    try {
      const answer = await ask();
      if (answer !== false && answer !== undefined) return answer;
      problem = undefined;
    } catch (error) {
      problem = error instanceof Error ? error : new Error(String(error));
    }
    await pause(POLL_MS, undefined, { signal });
  }
  throw devnetError('devnet.step_failed', { waitedFor: what, timeoutMs, reason: problem?.message }, { cause: problem });
}
