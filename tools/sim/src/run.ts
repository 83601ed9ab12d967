import { type Counts, Mesh } from './mesh.ts';
import type { Plant } from './plants.ts';
import { createSchedule } from './schedule.ts';
import { Simulation } from './simulation.ts';

export interface RunResult {
  readonly seed: number;
  /** Null when everything held. */
  readonly violation: string | null;
  /** Blocks in the agreed sequence. */
  readonly height: number;
  readonly counts: Counts;
  readonly simulatedMs: number;
  readonly trace: readonly string[];
}

// Several times what the longest series of backed-off rounds and fetches takes.
const SETTLE_MS_MAX = 90_000;
const SETTLE_CHECK_MS = 250;

/** Runs the schedule of the seed: chaos, then healing, then everything owed must be ordered within `SETTLE_MS_MAX`. */
export function runSchedule(seed: number, plant: Plant | null, isTraced: boolean): RunResult {
  const schedule = createSchedule(seed);
  const simulation = new Simulation(seed, isTraced);
  const mesh = new Mesh(simulation, schedule, plant);
  mesh.start();
  simulation.runUntil(schedule.healAtMs);
  if (simulation.violation === null) mesh.heal();
  const deadlineMs = schedule.healAtMs + SETTLE_MS_MAX;
  let unsettled: string | null = null;
  do {
    simulation.runUntil(simulation.nowMs + SETTLE_CHECK_MS);
    unsettled = mesh.unsettled();
  } while (unsettled !== null && simulation.violation === null && simulation.nowMs < deadlineMs);
  if (unsettled !== null && simulation.violation === null) simulation.violate(`liveness: ${unsettled}`);
  const { violation, nowMs, trace } = simulation;
  return { seed, violation, height: mesh.checker.height, counts: mesh.counts(), simulatedMs: nowMs, trace };
}
