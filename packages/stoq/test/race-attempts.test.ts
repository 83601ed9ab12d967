import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Attempt, raceAttempts } from '../src/race-attempts.ts';

const HEAD_START_MS = 250;

interface Started extends PromiseWithResolvers<string> {
  readonly signal: AbortSignal;
}

let clock: SteppedClock;
let started: Started[];
let discarded: string[];
let caller: AbortController;

beforeEach(() => {
  clock = new SteppedClock();
  [started, discarded, caller] = [[], [], new AbortController()];
});

function race(count: number): Promise<string> {
  const attempt: Attempt<string> = (signal) => {
    const one = { ...Promise.withResolvers<string>(), signal };
    started.push(one);
    return one.promise;
  };
  return raceAttempts(Array<Attempt<string>>(count).fill(attempt), {
    timer: clock,
    headStartMs: HEAD_START_MS,
    signal: caller.signal,
    discard: (late) => void discarded.push(late),
    failure: (errors) => new AggregateError(errors),
  });
}

const turn = (): Promise<void> => new Promise(setImmediate);

describe('attempts', () => {
  it('start one after the other, each with its head start', () => {
    void race(3);
    expect(started).toHaveLength(1);
    clock.step(HEAD_START_MS - 1);
    expect(started).toHaveLength(1);
    clock.step(1);
    expect(started).toHaveLength(2);
    clock.step(HEAD_START_MS);
    expect(started).toHaveLength(3);
    expect(clock.timers).toBe(0);
  });

  it('start at once when the one before has failed', async () => {
    const winner = race(2);
    started[0]?.reject(new Error('dead'));
    await turn();
    expect(started).toHaveLength(2);
    started[1]?.resolve('b');
    expect(await winner).toBe('b');
    expect(clock.timers).toBe(0);
  });

  it('are aborted when another has won, and what comes late is discarded', async () => {
    const winner = race(3);
    clock.step(HEAD_START_MS);
    started[1]?.resolve('b');
    expect(await winner).toBe('b');
    expect(started[0]?.signal.aborted).toBe(true);
    started[0]?.resolve('a');
    await turn();
    expect(discarded).toEqual(['a']);
    clock.step(HEAD_START_MS * 3);
    expect(started).toHaveLength(2);
  });

  it('that all fail give one error of all', async () => {
    const winner = race(2);
    started[0]?.reject(new Error('one'));
    await turn();
    started[1]?.reject(new Error('two'));
    await expect(winner).rejects.toMatchObject({ errors: [{ message: 'one' }, { message: 'two' }] });
    await expect(race(0)).rejects.toMatchObject({ errors: [] });
  });

  it('end with their caller', async () => {
    const winner = race(2);
    caller.abort(new Error('left'));
    await expect(winner).rejects.toThrow('left');
    expect(started[0]?.signal.aborted).toBe(true);
    started[0]?.reject(new Error('aborted'));
    await turn();
    expect(started).toHaveLength(1);
    expect(clock.timers).toBe(0);
    await expect(race(1)).rejects.toThrow('left');
  });
});
