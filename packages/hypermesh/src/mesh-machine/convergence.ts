import { type Codec, uint } from '@hypermesh/stoq';
import { type Demand, explain, type Refusal, schedule } from '../scheduler/schedule.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { type App, readApp, replicasWanted, retainRevisions, writeApp } from './app.ts';
import { type BlockTime, mayExamine, openableIn, spend } from './block-budget.ts';
import { heldLease } from './lease.ts';
import { PENDING_APPS_PER_BLOCK_MAX, PRUNED_PER_BLOCK_MAX } from './limits.ts';
import { memberOf } from './member.ts';
import { readUsage } from './node.ts';
import { NodePool } from './node-pool.ts';
import { readParameters } from './parameters.ts';
import { beginClosing, closePlacement, openPlacement, type Placement, placementsOfApp, refusalToOpen } from './placement.ts';
import { index, type Index, table, type Table } from './table.ts';

const timeCodec: Codec<number> = uint();
/** What an app waits for when the budget of a block is spent. */
const LATER_BLOCK = 'a later block goes on with it';
/** Block time before which no exclusive replica of the app may start. */
const fences: Table<number> = table('fence', timeCodec);
/** Apps with missing replicas, and those that a block had no budget to look at. */
const pending: Index = index('pending');

/** An exclusive app of that name starts only when a lease that ends at `expiresAt` is over for its node too. */
export function raiseFence(state: StateWriter, app: string, expiresAt: number): void {
  const until = expiresAt + readParameters(state).exclusiveMarginMs;
  if (until > (fences.read(state, app) ?? 0)) fences.write(state, app, until);
}

/** Ends a placement from the mesh's side; an exclusive one only when its node has stopped it or lost its lease. */
export function endPlacement(state: StateWriter, placement: Placement, reason: string, time: number): void {
  const lease = heldLease(state, placement.node);
  const runs = lease?.number === placement.lease;
  if (runs && placement.exclusive) return beginClosing(state, placement, reason, time);
  // Nobody says when a shared replica has stopped, and the next app of that name may be an exclusive one.
  if (runs) raiseFence(state, placement.app, lease.expiresAt);
  closePlacement(state, placement, reason, time, time);
}

/** Brings the app's placements towards its specification, as far as the budget of the block allows; the rest is pending. */
export function converge(state: StateWriter, app: App, block: BlockTime): void {
  if (!mayExamine(state, block.height)) return settle(state, app, LATER_BLOCK, true);
  const pool = new NodePool(state);
  const examined = approach(state, app, block, openableIn(state, block.height), pool);
  spend(state, block.height, { opened: 0, examined: 1 + examined + pool.examined });
}

/** Closes whatever an app without record left behind. */
export function closeAll(state: StateWriter, app: string, reason: string, time: number): void {
  for (const placement of placementsOfApp(state, app)) {
    if (placement.phase !== 'closing') endPlacement(state, placement, reason, time);
  }
  pending.remove(state, app);
}

/** Tries again for pending apps, each with its share of what the block may open; the height chooses where to begin. */
export function convergePending(state: StateWriter, block: BlockTime): void {
  const waiting = pending.entries(state, '');
  const count = Math.min(waiting.length, PENDING_APPS_PER_BLOCK_MAX);
  const start = block.height * (count < waiting.length ? count : 1);
  const pool = new NodePool(state);
  for (let step = 0; step < count; step++) {
    const name = waiting[(start + step) % waiting.length] as string;
    const app = readApp(state, name);
    const share = Math.ceil(openableIn(state, block.height) / (count - step));
    if (app === undefined) pending.remove(state, name);
    else approach(state, app, block, share, pool);
  }
}

export function pruneFences(state: StateWriter, time: number): void {
  for (const app of fences.ids(state, '', PRUNED_PER_BLOCK_MAX)) {
    if ((fences.read(state, app) ?? 0) <= time) fences.remove(state, app);
  }
}

/** Opens at most `openMax` placements, closes whatever has to go. Answers how many it looked at. */
function approach(state: StateWriter, app: App, block: BlockTime, openMax: number, pool: NodePool): number {
  const known = placementsOfApp(state, app.spec.name);
  const wanted = app.state === 'active' ? replicasWanted(app) : 0;
  retire(state, app, known, wanted, block.time);
  const present = presentOf(app, known);
  const missing = wanted - present.length;
  const wait = missing > 0 ? obstacle(state, app, block.time) : '';
  if (wait !== undefined) settle(state, app, wait, missing > 0);
  else if (openMax === 0) settle(state, app, LATER_BLOCK, true);
  else open(state, app, present, { missing, openMax }, block, pool);
  return known.length;
}

function presentOf(app: App, known: readonly Placement[]): readonly Placement[] {
  return known.filter(({ generation, phase }) => generation === app.generation && phase !== 'closing');
}

function earlierOf(app: App, known: readonly Placement[]): readonly Placement[] {
  return known.filter(({ generation, phase }) => generation !== app.generation && phase !== 'closing');
}

/** Closes replicas of earlier generations, as new ones become ready, and those above the wanted number. */
function retire(state: StateWriter, app: App, known: readonly Placement[], wanted: number, time: number): void {
  const present = presentOf(app, known);
  const old = earlierOf(app, known);
  const ready = present.filter(({ phase }) => phase === 'ready').length;
  const kept = app.spec.exclusive || wanted === 0 ? 0 : Math.max(0, wanted - ready);
  for (const placement of old.slice(0, Math.max(0, old.length - kept))) endPlacement(state, placement, 'updated', time);
  const surplus = [...present].sort((one, other) => rank(one) - rank(other)).slice(0, Math.max(0, present.length - wanted));
  const reason = app.state === 'suspended' ? 'escrow' : 'scaled';
  for (const placement of surplus) endPlacement(state, placement, reason, time);
  retainRevisions(state, app.spec.name, () => placementsOfApp(state, app.spec.name).map(({ generation }) => generation));
}

/** What does not work goes first, then what runs for the shortest time. */
function rank({ phase, openedAt }: Placement): number {
  return (phase === 'ready' ? 2 ** 52 : 0) - openedAt;
}

/** Why an app must wait although nodes may have room. */
function obstacle(state: StateReader, app: App, time: number): string | undefined {
  const refusal = refusalToOpen(state, app.owner);
  if (refusal !== undefined || !app.spec.exclusive) return refusal;
  if (placementsOfApp(state, app.spec.name).length > 0) return 'the last instance has not stopped yet';
  return time < (fences.read(state, app.spec.name) ?? 0) ? 'the last instance may still run' : undefined;
}

interface Wanted {
  readonly missing: number;
  readonly openMax: number;
}

function open(
  state: StateWriter,
  app: App,
  present: readonly Placement[],
  { missing, openMax }: Wanted,
  { time, height }: BlockTime,
  pool: NodePool,
): void {
  const candidates = pool.candidates(app, present);
  const demand = demandOf(app);
  let opened = 0;
  let refusals: readonly Refusal[] | undefined;
  while (refusals === undefined && opened < Math.min(missing, openMax) && refusalToOpen(state, app.owner) === undefined) {
    const choice = schedule(candidates, demand);
    if (choice.candidate === undefined) {
      refusals = choice.refusals;
      continue;
    }
    const { node, lease, replicas } = choice.candidate;
    const { generation, owner: appOwner } = app;
    const provider = memberOf(state, node).owner;
    const { name, exclusive, resources } = app.spec;
    openPlacement(state, { app: name, appOwner, generation, exclusive, node, provider, lease, ...resources }, time);
    candidates[candidates.indexOf(choice.candidate)] = { ...choice.candidate, used: readUsage(state, node), replicas: replicas + 1 };
    opened += 1;
  }
  spend(state, height, { opened, examined: 0 });
  if (refusals?.includes('capacity') === true) makeRoom(state, app, time);
  const explanation = refusals !== undefined ? explain(refusals) : opened < missing ? LATER_BLOCK : '';
  settle(state, app, explanation, opened < missing);
}

/** An update that finds no room beside the old generation takes the place of one old replica at a time. */
function makeRoom(state: StateWriter, app: App, time: number): void {
  const known = placementsOfApp(state, app.spec.name);
  if (presentOf(app, known).some(({ phase }) => phase !== 'ready')) return;
  const [old] = earlierOf(app, known);
  if (old !== undefined) endPlacement(state, old, 'updated', time);
}

export function demandOf(app: Pick<App, 'spec'>): Demand {
  return { kind: app.spec.package.kind, ...app.spec.resources };
}

/** Records what is missing, writing only what changed: a waiting app must not change the root of every block. */
function settle(state: StateWriter, app: App, explanation: string, waits: boolean): void {
  if (waits !== pending.has(state, app.spec.name)) {
    if (waits) pending.add(state, app.spec.name);
    else pending.remove(state, app.spec.name);
  }
  if (app.explanation !== explanation) writeApp(state, { ...app, explanation });
}
