import { expect, test } from 'vitest';
import { KeyedTurns } from '../../src/log/keyed-turns.ts';

/** Work that ends when it is told to, and notes when it begins. */
function createWork(name: string, begun: string[]) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const run = (): Promise<string> => {
    begun.push(name);
    return promise;
  };
  return { run, end: () => resolve(name), fail: () => reject(new RangeError(name)) };
}

test('work that shares a key waits for its turn, other work does not, and a failure is its own', async () => {
  const turns = new KeyedTurns();
  const begun: string[] = [];
  const [ab, bc, d, c] = [createWork('ab', begun), createWork('bc', begun), createWork('d', begun), createWork('c', begun)];
  const results = [turns.run(['a', 'b'], ab.run), turns.run(['b', 'c'], bc.run), turns.run(['d'], d.run), turns.run(['c'], c.run)];
  d.end();
  expect(await results[2]).toBe('d');
  expect(begun.toSorted()).toEqual(['ab', 'd']);
  ab.fail();
  await expect(results[0]).rejects.toThrow('ab');
  bc.end();
  expect(await results[1]).toBe('bc');
  c.end();
  expect(await results[3]).toBe('c');
  expect(begun.slice(2)).toEqual(['bc', 'c']);
});
