import { describe, expect, test } from 'vitest';
import { planKills, VICTIMS } from '../../src/kills/plan.ts';

describe('the plan of kills', () => {
  test('is the same for the same seed and another for another', () => {
    expect(planKills(7, 20)).toEqual(planKills(7, 20));
    expect(planKills(7, 20)).not.toEqual(planKills(8, 20));
    expect(planKills(7, 20).slice(0, 5)).toEqual(planKills(7, 5));
  });

  test.each([1, 2, 3])('kills every kind in each series (seed %i)', (seed) => {
    const plan = planKills(seed, 3 * VICTIMS.length);
    for (let series = 0; series < 3; series++) {
      const victims = plan.slice(series * VICTIMS.length, (series + 1) * VICTIMS.length).map(({ victim }) => victim);
      expect(new Set(victims)).toEqual(new Set(VICTIMS));
    }
  });
});
