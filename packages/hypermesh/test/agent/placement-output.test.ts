import { describe, expect, it, test } from 'vitest';
import { hypermeshError } from '../../src/errors.ts';
import { EARLIER_LINES_MAX, PlacementOutput } from '../../src/agent/placement-output.ts';
import { LOG_LINE_LENGTH_MAX, LOG_LINES_MAX, OutputLines } from '../../src/runtime/output-lines.ts';
import { altered, bench, bodyOf, placement } from './agent-bench.ts';
import { codeOf } from '../mesh-machine/fixture.ts';

const linesOf = (name: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${name} ${index}`);
const printed = (...lines: readonly string[]): { logs: (linesMax: number) => readonly string[] } => ({ logs: (max) => lines.slice(-max) });

test('a workload keeps its newest lines, each cut to its length', () => {
  const output = new OutputLines();
  for (const line of linesOf('line', LOG_LINES_MAX + 5)) output.add(line);
  output.add('x'.repeat(LOG_LINE_LENGTH_MAX + 1));
  const kept = output.last(LOG_LINES_MAX);
  expect([kept.length, kept[0], kept.at(-1)?.length]).toEqual([LOG_LINES_MAX, 'line 6', LOG_LINE_LENGTH_MAX]);
  expect(output.last(2)[0]).toBe(`line ${LOG_LINES_MAX + 4}`);
});

test('a placement keeps the last lines of all earlier runs together', () => {
  const output = new PlacementOutput();
  expect(output.lines(10)).toEqual([]);
  output.begin(printed(...linesOf('first', EARLIER_LINES_MAX * 2)));
  output.end('exit');
  expect(output.lines(LOG_LINES_MAX)).toHaveLength(EARLIER_LINES_MAX);
  output.end('hypermesh.driver_unavailable');
  output.begin(printed('last'));
  expect(output.lines(4)).toEqual([`first ${EARLIER_LINES_MAX * 2 - 1}`, 'ended: exit', 'ended: hypermesh.driver_unavailable', 'last']);
  expect(output.lines(LOG_LINES_MAX)).toHaveLength(EARLIER_LINES_MAX + 1);
});

describe('the agent', () => {
  it('keeps what the runs of a placement printed, and why they ended', async () => {
    const { agent, want, until, clock } = await bench();
    want(placement('a-1'));
    await until('a-1', 'ready');
    await bodyOf(agent, 'a-1');
    expect(agent.logs('a-1', 10)).toEqual(['serving', 'GET /']);
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

  it.each<[string, Error, string]>([
    ['the words of a workload', hypermeshError('hypermesh.workload_failed', { last: 'no such table' }), 'last=no such table'],
    ['no words of the node', hypermeshError('hypermesh.storage_corrupt', { path: '/secret' }), 'ended: hypermesh.storage_corrupt'],
    ['nothing unexpected', new Error('/secret'), 'ended: hypermesh.workload_failed'],
  ])('says of a start that failed %s', async (_, error, words) => {
    const { agent, want, until } = await bench({ drivers: [altered(() => Promise.reject(error))] });
    want(placement('a-1'));
    await until('a-1', 'failed');
    const [line] = agent.logs('a-1', 1);
    expect(line).toContain(words);
    expect(line).not.toContain('secret');
  });
});
