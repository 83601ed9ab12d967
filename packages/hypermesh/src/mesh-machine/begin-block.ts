import type { ApplyContext, StateReader, StateWriter } from '../machine/machine.ts';
import { allApps, type App, readApp, writeApp } from './app.ts';
import { suspendForLease } from './asset.ts';
import type { BlockTime } from './block-budget.ts';
import { converge, convergePending, pruneFences, raiseFence } from './convergence.ts';
import { isFunded } from './funds.ts';
import { pruneInvitations } from './invitation.ts';
import { expireLeases, extendAfterJump } from './lease.ts';
import { CLOSED_KEPT_MS, FUNDS_CHECK_BLOCKS, PRUNED_PER_BLOCK_MAX } from './limits.ts';
import { pruneProofs } from './operation-proof.ts';
import { readParameters } from './parameters.ts';
import { closePlacement, type Placement, placementsOfNode, pruneClosed } from './placement.ts';
import { type FundsView, fundsOf } from './views.ts';
import { openWindow } from './window.ts';

/**
 * What time does to the mesh. Writes only when something is due, so that a block without transactions leaves the root as it is
 * and the log can rest.
 */
export function beginBlock(state: StateWriter, context: ApplyContext, viewOf: (caesar: StateReader) => FundsView): void {
  const { time, height, blockId } = context;
  const parameters = readParameters(state);
  extendAfterJump(state, time, parameters.leaseMs);
  for (const { node, expiresAt } of expireLeases(state, time, PRUNED_PER_BLOCK_MAX)) loseNode(state, node, expiresAt, context);
  openWindow(state, time, blockId, parameters.windowMs);
  const funds = fundsOf(context, viewOf);
  if (funds !== undefined && height % FUNDS_CHECK_BLOCKS === 0) checkFunds(state, funds, context);
  convergePending(state, context);
  pruneClosed(state, (placement) => mayForget(placement, funds, time));
  pruneInvitations(state, time);
  pruneProofs(state);
  pruneFences(state, time);
}

/** The node's right to run has ended: nobody pays for more, and what it ran is wanted elsewhere. */
function loseNode(state: StateWriter, node: Uint8Array, expiresAt: number, block: BlockTime): void {
  const lost = placementsOfNode(state, node);
  for (const placement of lost) {
    closePlacement(state, placement, 'lease-expired', expiresAt, block.time);
    raiseFence(state, placement.app, expiresAt);
  }
  suspendForLease(state, node, block.time);
  for (const app of new Set(lost.map((placement) => placement.app))) {
    const record = readApp(state, app);
    if (record !== undefined) converge(state, record, block);
  }
}

function checkFunds(state: StateWriter, funds: FundsView, block: BlockTime): void {
  for (const app of [...allApps(state)]) {
    const funded = isFunded(state, funds, app, block.time);
    if (funded === (app.state === 'active')) continue;
    const changed: App = { ...app, state: funded ? 'active' : 'suspended', updatedAt: block.time };
    writeApp(state, changed);
    converge(state, changed, block);
  }
}

function mayForget(placement: Placement, funds: FundsView | undefined, time: number): boolean {
  const closedAt = placement.closedAt ?? Infinity;
  if (time < closedAt + CLOSED_KEPT_MS) return false;
  return funds === undefined || funds.isSettled(placement);
}
