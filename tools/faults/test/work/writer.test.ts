import { stoqError } from '@hypermesh/stoq';
import { expect, test } from 'vitest';
import { Findings } from '../../src/findings.ts';
import type { Task } from '../../src/work/task.ts';
import { Writer } from '../../src/work/writer.ts';

const signal = new AbortController().signal;

/** A task whose pieces of work need so many attempts each. */
function task(name: Task['name'], attemptsMax: number, log: string[]): Task {
  let piece = 0;
  return {
    name,
    intervalMs: 1,
    next() {
      piece += 1;
      const id = `${name} ${piece}`;
      let attempts = 0;
      return async () => {
        attempts += 1;
        if (attempts < attemptsMax) throw stoqError('stoq.session_closed');
        log.push(id);
      };
    },
  };
}

test('every piece of work is repeated until it is acknowledged, once', async () => {
  const findings = new Findings(new AbortController().signal);
  const log: string[] = [];
  const writer = new Writer([task('transfers', 2, log), task('uploads', 1, log)], findings, signal);
  writer.resume();
  expect(await writer.progress(10_000)).toEqual([]);
  await writer.pause();
  expect(new Set(log).size).toBe(log.length);
  expect(findings.counts['acknowledged transfers']).toBe(log.filter((id) => id.startsWith('transfers')).length);
  expect(findings.counts['attempts repeated after stoq.session_closed']).toBeGreaterThan(0);
  expect(findings.violations).toEqual([]);
});

test('work that does not progress is named with its reason', async () => {
  const findings = new Findings(new AbortController().signal);
  const stopping = new AbortController();
  const writer = new Writer([task('publications', Infinity, [])], findings, stopping.signal);
  writer.resume();
  expect(await writer.progress(400)).toEqual([expect.stringMatching(/^publications \(stoq\.session_closed/u)]);
  stopping.abort();
  await writer.pause();
});
