import { expect, test } from 'vitest';
import { nearest } from '../src/spelling.ts';

const near = (word: string, ...candidates: readonly string[]): readonly string[] => nearest(word, candidates, (candidate) => candidate);

test.each([
  { word: 'clac', candidates: ['hello', 'calc', 'cache'], expected: ['calc'] },
  { word: 'helo', candidates: ['hello', 'halo', 'help', 'hero'], expected: ['hello', 'halo', 'help', 'hero'] },
  { word: 'greetre', candidates: ['greet', 'greeter'], expected: ['greeter'] },
  { word: 'greeter', candidates: ['gret'], expected: [] },
  { word: 'wallet', candidates: ['asset', 'ledger'], expected: [] },
  { word: 'rm', candidates: ['ls', 'up'], expected: [] },
  { word: 'app', candidates: [], expected: [] },
  { word: '', candidates: ['a', 'up'], expected: [] },
])('$word among $candidates', ({ word, candidates, expected }) => {
  expect(near(word, ...candidates)).toEqual(expected);
});
