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
  let problem: unknown;
  while (!deadline.aborted) {
    signal.throwIfAborted();
    try {
      const answer = await ask();
      if (answer !== false && answer !== undefined) return answer;
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    await pause(POLL_MS, undefined, { signal });
  }
  throw devnetError('devnet.step_failed', { waitedFor: what, timeoutMs, reason: reasonOf(problem) }, { cause: problem });
}

function reasonOf(problem: unknown): string | undefined {
  if (problem === undefined) return undefined;
  return problem instanceof Error ? problem.message : String(problem);
}
