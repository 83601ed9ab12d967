import { Prng } from '@hypermesh/testkit';
import { expect, it } from 'vitest';
import { EventQueue } from '../src/event-queue.ts';

it('gives events in the order of time, then of arrival', () => {
  const prng = new Prng(1);
  const queue = new EventQueue();
  const times = Array.from({ length: 500 }, () => prng.integer(0, 50));
  for (const atMs of times) queue.add(atMs, () => {});
  expect(queue.size).toBe(500);
  const taken: [number, number][] = [];
  for (let entry = queue.next(); entry !== undefined; entry = queue.next()) taken.push([entry.atMs, entry.sequence]);
  expect(taken).toEqual(times.map((atMs, index) => [atMs, index] as [number, number]).toSorted(([a, i], [b, j]) => a - b || i - j));
});
