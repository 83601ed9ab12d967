import { type Codec, uint } from '@hypermesh/stoq';
import { explain, schedule, type Refusal } from '../scheduler/schedule.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { type App, readApp, replicasWanted, retainRevisions, writeApp } from './app.ts';
import { heldLease } from './lease.ts';
import { PENDING_APPS_PER_BLOCK_MAX, PLACED_PER_BLOCK_MAX, PRUNED_PER_BLOCK_MAX } from './limits.ts';
import { memberOf } from './member.ts';
import { readUsage } from './node.ts';
import { NodePool, type SchedulableNode } from './node-pool.ts';
import { beginClosing, closePlacement, mayOpen, openPlacement, type Placement, placementsOfApp } from './placement.ts';
import { index, type Index, table, type Table } from './table.ts';

const timeCodec: Codec<number> = uint();
/** Block time before which no exclusive replica of the app may start. */
const fences: Table<number> = table('fence', timeCodec);
/** Apps with missing replicas. */
const pending: Index = index('pending');

export function raiseFence(state: StateWriter, app: string, until: number): void {
  fences.write(state, app, Math.max(until, fences.read(state, app) ?? 0));
}

/** Ends a placement from the mesh's side; an exclusive one only when its node has stopped it or lost its lease. */
export function endPlacement(state: StateWriter, placement: Placement, reason: string, time: number): void {
  const runs = placement.exclusive && heldLease(state, placement.node)?.number === placement.lease;
  if (runs) beginClosing(state, placement, reason, time);
  else closePlacement(state, placement, reason, time, time);
}

/** Brings the app's placements towards its specification: at most `openMax` new ones. Answers how many it opened. */
export function converge(
  state: StateWriter,
  app: App,
  time: number,
  openMax: number = PLACED_PER_BLOCK_MAX,
  pool: NodePool = new NodePool(state),
): number {
  const wanted = app.state === 'active' ? replicasWanted(app) : 0;
  retire(state, app, wanted, time);
  const missing = wanted - presentOf(state, app).length;
  if (missing <= 0) return settle(state, app, '', false);
  const wait = obstacle(state, app, time);
  if (wait !== undefined) return settle(state, app, wait, true);
  const opened = open(state, app, Math.min(missing, openMax), time, pool);
  settle(state, app, opened.refusals === undefined ? '' : explain(opened.refusals), opened.count < missing);
  return opened.count;
}

/** Closes whatever an app without record left behind. */
export function closeAll(state: StateWriter, app: string, reason: string, time: number): void {
  for (const placement of placementsOfApp(state, app)) {
    if (placement.phase !== 'closing') endPlacement(state, placement, reason, time);
  }
  pending.remove(state, app);
}

/** Tries again for apps with missing replicas; a height chooses where to begin, so that none is left out for ever. */
export function convergePending(state: StateWriter, time: number, height: number): void {
  const waiting = pending.entries(state, '');
  const start = waiting.length <= PENDING_APPS_PER_BLOCK_MAX ? 0 : (height * PENDING_APPS_PER_BLOCK_MAX) % waiting.length;
  let left = PLACED_PER_BLOCK_MAX;
  const pool = new NodePool(state);
  for (let step = 0; step < Math.min(waiting.length, PENDING_APPS_PER_BLOCK_MAX) && left > 0; step++) {
    const name = waiting[(start + step) % waiting.length] as string;
    const app = readApp(state, name);
    if (app === undefined) pending.remove(state, name);
    else left -= converge(state, app, time, left, pool);
  }
}

export function pruneFences(state: StateWriter, time: number): void {
  for (const app of fences.ids(state, '', PRUNED_PER_BLOCK_MAX)) {
    if ((fences.read(state, app) ?? 0) <= time) fences.remove(state, app);
  }
}

function presentOf(state: StateReader, app: App): readonly Placement[] {
  return placementsOfApp(state, app.spec.name).filter(({ generation, phase }) => generation === app.generation && phase !== 'closing');
}

/** Closes replicas of earlier generations, as new ones become ready, and those above the wanted number. */
function retire(state: StateWriter, app: App, wanted: number, time: number): void {
  const present = presentOf(state, app);
  const old = placementsOfApp(state, app.spec.name).filter(({ generation, phase }) => generation !== app.generation && phase !== 'closing');
  const ready = present.filter(({ phase }) => phase === 'ready').length;
  const kept = app.spec.exclusive || wanted === 0 ? 0 : Math.max(0, wanted - ready);
  for (const placement of old.slice(0, Math.max(0, old.length - kept))) endPlacement(state, placement, 'updated', time);
  retainRevisions(state, app.spec.name, new Set(placementsOfApp(state, app.spec.name).map(({ generation }) => generation)));
  const surplus = [...present].sort((one, other) => rank(one) - rank(other)).slice(0, Math.max(0, present.length - wanted));
  const reason = app.state === 'suspended' ? 'escrow' : 'scaled';
  for (const placement of surplus) endPlacement(state, placement, reason, time);
}

/** What does not work goes first, then what runs for the shortest time. */
function rank({ phase, openedAt }: Placement): number {
  return (phase === 'ready' ? 2 ** 52 : 0) - openedAt;
}

/** Why an app must wait although nodes may have room. */
function obstacle(state: StateReader, app: App, time: number): string | undefined {
  if (!mayOpen(state)) return 'too many placements wait for their bill';
  if (!app.spec.exclusive) return undefined;
  if (placementsOfApp(state, app.spec.name).length > 0) return 'the last instance has not stopped yet';
  return time < (fences.read(state, app.spec.name) ?? 0) ? 'the last instance may still run' : undefined;
}

interface Opened {
  readonly count: number;
  /** Why the next one found no node. */
  readonly refusals?: readonly Refusal[];
}

function open(state: StateWriter, app: App, count: number, time: number, pool: NodePool): Opened {
  const candidates = pool.candidates(app, presentOf(state, app));
  const demand = demandOf(app);
  let opened = 0;
  for (; opened < count && mayOpen(state); opened++) {
    const choice = schedule(candidates, demand);
    if (choice.candidate === undefined) {
      if (choice.refusals.includes('capacity')) makeRoom(state, app, time);
      return { count: opened, refusals: choice.refusals };
    }
    const { node, lease, replicas } = choice.candidate;
    const { generation, owner: appOwner } = app;
    const provider = memberOf(state, node).owner;
    const { name, exclusive, resources } = app.spec;
    openPlacement(state, { app: name, appOwner, generation, exclusive, node, provider, lease, ...resources }, time);
    candidates[candidates.indexOf(choice.candidate)] = { ...choice.candidate, used: readUsage(state, node), replicas: replicas + 1 };
  }
  return { count: opened };
}

/** An update that finds no room beside the old generation takes the place of one old replica at a time. */
function makeRoom(state: StateWriter, app: App, time: number): void {
  if (presentOf(state, app).some(({ phase }) => phase !== 'ready')) return;
  const old = placementsOfApp(state, app.spec.name).find(({ generation, phase }) => generation !== app.generation && phase !== 'closing');
  if (old !== undefined) endPlacement(state, old, 'updated', time);
}

export function demandOf(app: Pick<App, 'spec'>): { kind: string; cpuMillis: number; memoryBytes: number } {
  return { kind: app.spec.package.kind, ...app.spec.resources };
}

/** How the nodes of the mesh stand to one more replica of the app. */
export function candidatesOf(state: StateReader, app: App): SchedulableNode[] {
  return new NodePool(state).candidates(app, presentOf(state, app));
}

/** Records what is missing, writing only what changed: a waiting app must not change the root of every block. */
function settle(state: StateWriter, app: App, explanation: string, waits: boolean): number {
  if (waits !== pending.has(state, app.spec.name)) {
    if (waits) pending.add(state, app.spec.name);
    else pending.remove(state, app.spec.name);
  }
  if (app.explanation !== explanation) writeApp(state, { ...app, explanation });
  return 0;
}
