import { describe, expect, it, vi } from 'vitest';
import { wordsOf } from '../../src/agent/failure.ts';
import { hypermeshError } from '../../src/errors.ts';
import { altered, bench, bodyOf, placement } from './agent-bench.ts';
import { codeOf } from '../mesh-machine/fixture.ts';

const codeOfError = (error: unknown): string => (error as { readonly code: string }).code;

describe('the agent', () => {
  it('keeps what the runs of a placement printed, and why they ended', async () => {
    const { agent, want, until, clock } = await bench();
    want(placement('a-1'));
    await until('a-1', 'ready');
    await bodyOf(agent, 'a-1');
    await vi.waitFor(() => expect(agent.logs('a-1', 10)).toEqual(['serving', 'GET /']));
    process.kill(agent.workload('a-1', 1).pids[0]!, 'SIGKILL');
    await until('a-1', 'failed');
    expect(agent.logs('a-1', 10)).toEqual(['serving', 'GET /', 'ended: exit']);
    await clock.stepAndSettle(1_000);
    await until('a-1', 'ready');
    expect(agent.logs('a-1', 10)).toEqual(['serving', 'GET /', 'ended: exit', 'serving']);
    expect(agent.logs('a-1', 2)).toEqual(['ended: exit', 'serving']);
    want();
    await until('a-1', 'stopped');
    expect(codeOf(() => agent.logs('a-1', 10))).toBe('hypermesh.workload_unknown');
  });

  it('keeps what a start printed that failed', async () => {
    const driver = altered((start, { output }) => {
      output?.add('no such table');
      return Promise.reject(hypermeshError('hypermesh.workload_failed', { reason: 'it ended before it served (exit)' }));
    });
    const failures: unknown[] = [];
    const { agent, want, until } = await bench({ drivers: [driver], onFailure: (id, error) => failures.push([id, codeOfError(error)]) });
    want(placement('a-1'));
    await until('a-1', 'failed');
    expect(failures).toEqual([['a-1', 'hypermesh.workload_failed']]);
    expect(agent.logs('a-1', 10)).toEqual(['no such table', expect.stringMatching(/^ended: .*before it served/u)]);
  });
});

describe('the words for the owner of an app', () => {
  it.each<[string, Error, string | RegExp]>([
    [
      'those of a workload',
      hypermeshError('hypermesh.workload_unhealthy', { failures: 3 }),
      /failures=3.* \[hypermesh\.workload_unhealthy\]$/u,
    ],
    ['the code of what the node met', hypermeshError('hypermesh.runtime_failed', { reason: '/secret' }), 'hypermesh.runtime_failed'],
    ['a code for the unexpected', new Error('/secret'), 'hypermesh.workload_failed'],
  ])('are %s', (_, error, words) => {
    expect(wordsOf(error)).toEqual(typeof words === 'string' ? words : expect.stringMatching(words));
  });
});
