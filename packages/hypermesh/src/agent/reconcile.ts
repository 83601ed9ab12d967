import type { DesiredPlacement } from './desired.ts';

/** What the agent holds for one placement. */
export interface HeldPlacement {
  readonly id: string;
  readonly lease: number;
  readonly phase: 'starting' | 'running' | 'stopping' | 'failed';
  /** Failures in a row, without a long stable run between them. */
  readonly failures: number;
  /** Monotonic milliseconds at which the phase began. */
  readonly since: number;
}

export type Action =
  | { readonly kind: 'start'; readonly placement: DesiredPlacement; readonly failures: number }
  | { readonly kind: 'stop'; readonly id: string };

// First wait after a failure, doubled each time up to the maximum: a broken package does not keep a node busy.
export const RESTART_MS_MIN: number = 500;
export const RESTART_MS_MAX: number = 60_000;

/**
 * What to do so that this node runs what the agreed state says: pure. A placement under a newer lease number is another
 * run of it, so the old one stops first. `leaseHolds` gates exclusive starts by their lease number.
 */
export function reconcile(
  desired: readonly DesiredPlacement[],
  held: readonly HeldPlacement[],
  now: number,
  leaseHolds: (lease: number) => boolean,
): Action[] {
  const wanted = new Map(desired.map((placement) => [placement.id, placement]));
  const actions: Action[] = [];
  for (const { id, lease, phase } of held) {
    const superseded = wanted.get(id)?.lease !== lease;
    if (superseded && phase !== 'stopping') actions.push({ kind: 'stop', id });
  }
  for (const placement of desired) {
    const known = held.find((candidate) => candidate.id === placement.id);
    const due =
      known === undefined ||
      (known.phase === 'failed' && known.lease === placement.lease && now >= known.since + restartDelay(known.failures));
    if (due && (!placement.exclusive || leaseHolds(placement.lease)))
      actions.push({ kind: 'start', placement, failures: known?.failures ?? 0 });
  }
  return actions;
}

export function restartDelay(failures: number): number {
  return Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** Math.min(failures, 16));
}
