import { encode, equalBytes } from '@hypermesh/stoq';
import { explain, lackOf, type Refusal } from '../scheduler/schedule.ts';
import { hypermeshError } from '../errors.ts';
import type { ApplyContext, StateReader, StateWriter } from '../machine/machine.ts';
import { type App, appOf, type AppSpec, appSpecCodec, assertAppSpec, readApp, removeApp, writeApp, writeGeneration } from './app.ts';
import { type BlockTime, mayExamine, spend } from './block-budget.ts';
import { closeAll, converge, demandOf, endPlacement } from './convergence.ts';
import { AVOIDED_COUNT_MAX, PLACEMENT_FAILURES_MAX } from './limits.ts';
import { isFunded } from './funds.ts';
import { memberOf } from './member.ts';
import { allNodes } from './node.ts';
import { type DeployResult, deployResultCodec, type MeshOperation } from './operation.ts';
import { changePhase, closePlacement, type Placement, placementOf } from './placement.ts';
import type { FundsView } from './views.ts';

type Of<Kind extends MeshOperation['kind']> = Extract<MeshOperation, { readonly kind: Kind }>;

/** Creates the app, or updates it: a changed specification runs as a new generation. */
export function deploy(state: StateWriter, spec: AppSpec, context: ApplyContext, funds: FundsView | undefined): Uint8Array {
  memberOf(state, context.owner);
  assertAppSpec(spec);
  const known = readApp(state, spec.name);
  if (known !== undefined && !equalBytes(known.owner, context.owner)) throw hypermeshError('hypermesh.app_exists', { app: spec.name });
  const app = nextApp(spec, known, context);
  assertFunded(state, app, funds, context.time);
  assertSchedulable(state, app, context.height);
  if (known !== undefined && known.generation !== app.generation) writeGeneration(state, known, app);
  else writeApp(state, app);
  return converged(state, app, context);
}

export function scale(state: StateWriter, operation: Of<'app.scale'>, context: ApplyContext, funds: FundsView | undefined): Uint8Array {
  const app = ownApp(state, operation.name, context.owner);
  const spec = { ...app.spec, replicas: operation.replicas };
  assertAppSpec(spec);
  const scaled: App = { ...app, spec, ended: 0, updatedAt: context.time };
  if (operation.replicas > app.spec.replicas) assertFunded(state, scaled, funds, context.time);
  writeApp(state, scaled);
  return converged(state, scaled, context);
}

export function remove(state: StateWriter, operation: Of<'app.remove'>, context: ApplyContext): void {
  const app = ownApp(state, operation.name, context.owner);
  removeApp(state, app);
  closeAll(state, app.spec.name, 'removed', context.time);
}

/** What a node says of a placement that it runs. Throws `hypermesh.placement_unknown`, `.lease_stale`, `.not_authorised`. */
export function report(state: StateWriter, operation: Of<'placement.report'>, context: ApplyContext): void {
  const placement = placementOf(state, operation.id);
  if (!equalBytes(placement.node, context.owner)) throw hypermeshError('hypermesh.not_authorised', { reason: 'runs on another node' });
  if (placement.lease !== operation.lease) throw hypermeshError('hypermesh.lease_stale', { lease: operation.lease });
  // A node learns late that the mesh has closed a placement: nothing is left to change.
  if (placement.phase === 'closed') return;
  if (operation.state === 'stopped') return leave(state, placement, 'stopped', context);
  if (placement.phase === 'closing') return;
  // Said again, it is no news; each failure is one.
  if (placement.phase === operation.state && operation.state !== 'failed') return;
  changePhase(state, placement, operation.state, operation.reason, context.time);
  if (operation.state === 'failed') failed(state, placementOf(state, placement.id), operation.reason, context);
  else if (operation.state === 'ready') again(state, placement.app, context);
}

function nextApp(spec: AppSpec, known: App | undefined, { owner, time }: ApplyContext): App {
  const base = { spec, owner, state: 'active', ended: 0, avoided: [], explanation: '', updatedAt: time } as const;
  if (known === undefined) return { ...base, generation: 1, createdAt: time };
  const same = sameWork(known.spec, spec);
  return { ...base, generation: known.generation + (same ? 0 : 1), explanation: known.explanation, createdAt: known.createdAt };
}

/** Whether the replicas of one specification serve the other. */
function sameWork(one: AppSpec, other: AppSpec): boolean {
  const encoded = (spec: AppSpec): Uint8Array => encode(appSpecCodec, { ...spec, replicas: 0 });
  return equalBytes(encoded(one), encoded(other));
}

function assertFunded(state: StateReader, app: App, funds: FundsView | undefined, time: number): void {
  if (funds === undefined || isFunded(state, funds, app, time)) return;
  throw hypermeshError('hypermesh.escrow_missing', { app: app.spec.name });
}

/** Refuses what no node of the mesh could ever run; anything else waits, and so does all that a block has no budget to look at. */
function assertSchedulable(state: StateWriter, app: App, height: number): void {
  if (!mayExamine(state, height)) return;
  const demand = demandOf(app);
  const lacks: Refusal[] = [];
  let runnable = false;
  for (const node of allNodes(state)) {
    const lack = lackOf(node, demand);
    runnable = lack === undefined;
    if (lack === undefined) break;
    lacks.push(lack);
  }
  spend(state, height, { opened: 0, examined: lacks.length + 1 });
  if (!runnable && lacks.length > 0) throw hypermeshError('hypermesh.unschedulable', { app: app.spec.name, reason: explain(lacks) });
}

function converged(state: StateWriter, app: App, block: BlockTime): Uint8Array {
  converge(state, app, block);
  const result: DeployResult = { generation: app.generation };
  return encode(deployResultCodec, result);
}

function ownApp(state: StateReader, name: string, owner: Uint8Array): App {
  const app = appOf(state, name);
  if (!equalBytes(app.owner, owner)) throw hypermeshError('hypermesh.not_authorised', { app: name });
  return app;
}

/** The node restarts a replica that failed; one that keeps failing is tried elsewhere. */
function failed(state: StateWriter, placement: Placement, reason: string, block: BlockTime): void {
  const app = readApp(state, placement.app);
  if (app?.spec.restart === 'never' && app.generation === placement.generation) {
    writeApp(state, { ...app, ended: app.ended + 1 });
    leave(state, placement, reason, block);
  } else if (placement.failures >= PLACEMENT_FAILURES_MAX) {
    if (app !== undefined) writeApp(state, { ...app, avoided: [...app.avoided, placement.node].slice(-AVOIDED_COUNT_MAX) });
    leave(state, placement, reason, block);
  }
}

/**
 * Ends a placement on its node's word. Of an exclusive one it counts only once the mesh has asked for the stop: before that the
 * node, or its next process, may still start it again.
 */
function leave(state: StateWriter, placement: Placement, reason: string, block: BlockTime): void {
  const { time } = block;
  if (placement.phase === 'closing') closePlacement(state, placement, placement.reason, time, time);
  else endPlacement(state, placement, reason, time);
  again(state, placement.app, block);
}

function again(state: StateWriter, name: string, block: BlockTime): void {
  const app = readApp(state, name);
  if (app !== undefined) converge(state, app, block);
}
