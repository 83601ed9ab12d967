import { describe, expect, it } from 'vitest';
import { type Plant, PLANTS } from '../src/plants.ts';
import { runSchedule } from '../src/run.ts';
import { createSchedule } from '../src/schedule.ts';

const SCHEDULES = 150;
// Each planted bug shows in one of some 100 schedules.
const PLANTED_SCHEDULES_MAX = 2_000;
const TEST_MS_MAX = 60_000;

function violations(seed: number, count: number, plant: Plant | null, countMax: number): string[] {
  const found: string[] = [];
  for (let index = 0; index < count && found.length < countMax; index++) {
    const { violation } = runSchedule(seed + index, plant, false);
    if (violation !== null) found.push(`seed ${seed + index}: ${violation}`);
  }
  return found;
}

describe('a schedule', () => {
  it('repeats itself, event by event', () => {
    const { trace, ...result } = runSchedule(11, null, true);
    expect(trace.length).toBeGreaterThan(100);
    expect(runSchedule(11, null, true)).toEqual({ ...result, trace });
  });

  it('differs from that of another seed', () => {
    expect(runSchedule(11, null, true).trace).not.toEqual(runSchedule(12, null, true).trace);
  });

  it('has at most f adversaries', () => {
    for (let seed = 0; seed < 300; seed++) {
      const { validatorCount, adversaries } = createSchedule(seed);
      expect(3 * adversaries.size).toBeLessThan(validatorCount);
    }
  });

  it(
    `violates nothing, ${SCHEDULES} times`,
    () => {
      expect(violations(1, SCHEDULES, null, SCHEDULES)).toEqual([]);
    },
    TEST_MS_MAX,
  );

  it.each(PLANTS)(
    'finds the planted bug %s',
    (plant) => {
      expect(violations(1, PLANTED_SCHEDULES_MAX, plant, 1)).toHaveLength(1);
    },
    TEST_MS_MAX,
  );
});
