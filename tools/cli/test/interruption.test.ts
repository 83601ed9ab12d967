import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { watchInterruption } from '../src/interruption.ts';

test('the first signal asks, the second ends, and nothing is watched afterwards', () => {
  const signals = new EventEmitter();
  const killed: unknown[] = [];
  const { signal } = watchInterruption({
    on: signals.on.bind(signals) as NodeJS.Process['on'],
    off: signals.off.bind(signals) as NodeJS.Process['off'],
    kill(...how) {
      killed.push(how);
      return true;
    },
    pid: 7,
  });
  expect(signal.aborted).toBe(false);
  signals.emit('SIGINT', 'SIGINT');
  expect(signal.aborted).toBe(true);
  expect(killed).toEqual([]);
  signals.emit('SIGTERM', 'SIGTERM');
  expect(killed).toEqual([[7, 'SIGTERM']]);
  expect(signals.listenerCount('SIGINT')).toBe(0);
});
