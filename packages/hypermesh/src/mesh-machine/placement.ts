import { bool, bytes, type Codec, oneOf, optional, struct, text, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { followUse } from './asset.ts';
import { beginLease, endLease } from './leased-time.ts';
import {
  APP_NAME_LENGTH_MAX,
  PLACEMENT_COUNT_MAX,
  PLACEMENTS_PER_OWNER_MAX,
  PRUNED_PER_BLOCK_MAX,
  REASON_LENGTH_MAX,
  STABLE_MS_MIN,
} from './limits.ts';
import { readUsage, type Usage, writeUsage } from './node.ts';
import { hex, index, type Index, sortable, table, type Table } from './table.ts';

/**
 * `assigned` given to the node, `starting`, `ready`, `failed` as it reports; `closing` exclusive, must stop, not yet confirmed;
 * `closed` kept for its bill.
 */
export type PlacementPhase = 'assigned' | 'starting' | 'ready' | 'failed' | 'closing' | 'closed';

/** One replica on one node under one lease: the unit of billing. */
export interface Placement {
  /** `<app>-<number>`, unique in the mesh. */
  readonly id: string;
  readonly app: string;
  readonly appOwner: Uint8Array;
  readonly generation: number;
  readonly exclusive: boolean;
  readonly node: Uint8Array;
  /** Who is paid for it, 32 bytes. */
  readonly provider: Uint8Array;
  /** Lease number of the node; with the id the fencing token. */
  readonly lease: number;
  readonly phase: PlacementPhase;
  readonly failures: number;
  /** Why it failed or was closed. */
  readonly reason: string;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Block times in milliseconds. */
  readonly changedAt: number;
  readonly openedAt: number;
  readonly closedAt: number | null;
}

const PLACEMENT_ID_LENGTH_MAX = 128;

export const placementIdCodec: Codec<string> = text(PLACEMENT_ID_LENGTH_MAX);

export const placementCodec: Codec<Placement> = struct({
  id: placementIdCodec,
  app: text(APP_NAME_LENGTH_MAX),
  appOwner: bytes(32),
  generation: uint(),
  exclusive: bool,
  node: bytes(32),
  provider: bytes(32),
  lease: uint(),
  phase: oneOf('assigned', 'starting', 'ready', 'failed', 'closing', 'closed'),
  failures: uint(),
  reason: text(REASON_LENGTH_MAX),
  cpuMillis: uint(),
  memoryBytes: uint(),
  changedAt: uint(),
  openedAt: uint(),
  closedAt: optional(uint()),
});

const placements: Table<Placement> = table('placement', placementCodec);
const counts: Table<PlacementCounts> = table('placement-counts', struct({ opened: uint(), kept: uint() }));
/** Those in state now, by owner of the app. */
const ofOwner: Table<number> = table('owner-placements', uint());
/** Placements that are not closed, and closed ones in the order of their closing. */
const byApp: Index = index('app-placement');
const byNode: Index = index('node-placement');
const closed: Index = index('closed-placement');

interface PlacementCounts {
  /** Opened since genesis. */
  readonly opened: number;
  /** In state now. */
  readonly kept: number;
}

export function readPlacement(state: StateReader, id: string): Placement | undefined {
  return placements.read(state, id);
}

/** Throws `hypermesh.placement_unknown`. */
export function placementOf(state: StateReader, id: string): Placement {
  const placement = readPlacement(state, id);
  if (placement === undefined) throw hypermeshError('hypermesh.placement_unknown', { id });
  return placement;
}

/** Open and closed ones, in id order. */
export function allPlacements(state: StateReader): Iterable<Placement> {
  return placements.all(state);
}

/** As `allPlacements`, from behind that id on. */
export function placementsAfter(state: StateReader, id: string): Iterable<Placement> {
  return placements.after(state, id);
}

/** Open and closed ones of apps of that name, in id order. */
export function* placementsNamed(state: StateReader, app: string): Iterable<Placement> {
  for (const placement of placements.all(state, `${app}-`)) if (placement.app === app) yield placement;
}

/** Those not closed, in id order. */
export function placementsOfApp(state: StateReader, app: string): readonly Placement[] {
  return byApp.entries(state, `${app}/`).map((entry) => placementOf(state, entry.slice(app.length + 1)));
}

/** Those not closed, in id order. */
export function placementsOfNode(state: StateReader, node: Uint8Array): readonly Placement[] {
  return byNode.entries(state, `${hex(node)}/`).map((entry) => placementOf(state, entry.slice(hex(node).length + 1)));
}

/** Why no placement may be opened for that owner; undefined when one may. */
export function refusalToOpen(state: StateReader, appOwner: Uint8Array): string | undefined {
  if (readCounts(state).kept >= PLACEMENT_COUNT_MAX) return 'too many placements wait for their bill';
  const full = (ofOwner.read(state, hex(appOwner)) ?? 0) >= PLACEMENTS_PER_OWNER_MAX;
  return full ? 'too many placements of its owner run or wait for their bill' : undefined;
}

/** Reserves the node's resources and gives it the replica. The caller has checked that they fit. */
export function openPlacement(
  state: StateWriter,
  request: Pick<Placement, 'app' | 'appOwner' | 'generation' | 'exclusive' | 'node' | 'provider' | 'lease' | 'cpuMillis' | 'memoryBytes'>,
  time: number,
): Placement {
  const { opened } = readCounts(state);
  const placement: Placement = {
    ...request,
    id: `${request.app}-${opened + 1}`,
    phase: 'assigned',
    failures: 0,
    reason: '',
    changedAt: time,
    openedAt: time,
    closedAt: null,
  };
  count(state, placement, 1);
  placements.write(state, placement.id, placement);
  byApp.add(state, `${placement.app}/${placement.id}`);
  byNode.add(state, `${hex(placement.node)}/${placement.id}`);
  use(state, placement, 1, 0, time);
  beginLease(state, placement, time);
  return placement;
}

/** Records what the node reports of a placement that is not closed. */
export function changePhase(
  state: StateWriter,
  placement: Placement,
  phase: 'starting' | 'ready' | 'failed',
  reason: string,
  time: number,
): void {
  const wasStable = placement.phase === 'ready' && time - placement.changedAt >= STABLE_MS_MIN;
  const failures = (wasStable ? 0 : placement.failures) + (phase === 'failed' ? 1 : 0);
  placements.write(state, placement.id, { ...placement, phase, reason, failures, changedAt: time });
  use(state, placement, 0, readiness(phase) - readiness(placement.phase), time);
}

/** Tells the node to stop an exclusive replica: the reservation stays until it has, or its lease ends. */
export function beginClosing(state: StateWriter, placement: Placement, reason: string, time: number): void {
  placements.write(state, placement.id, { ...placement, phase: 'closing', reason, changedAt: time });
  use(state, placement, 0, -readiness(placement.phase), time);
}

/** Ends the placement and frees its resources; `at`: block time up to which it is billed. */
export function closePlacement(state: StateWriter, placement: Placement, reason: string, at: number, time: number): void {
  const closedAt = Math.max(placement.openedAt, at);
  placements.write(state, placement.id, { ...placement, phase: 'closed', reason, closedAt, changedAt: time });
  byApp.remove(state, `${placement.app}/${placement.id}`);
  byNode.remove(state, `${hex(placement.node)}/${placement.id}`);
  closed.add(state, `${sortable(closedAt)}/${placement.id}`);
  use(state, placement, -1, -readiness(placement.phase), time);
  endLease(state, placement, closedAt, time);
}

/** Forgets closed placements, oldest first, as long as `mayForget` agrees. */
export function pruneClosed(state: StateWriter, mayForget: (placement: Placement) => boolean): void {
  for (const entry of closed.entries(state, '', PRUNED_PER_BLOCK_MAX)) {
    const placement = placementOf(state, entry.slice(sortable(0).length + 1));
    if (!mayForget(placement)) return;
    placements.remove(state, placement.id);
    closed.remove(state, entry);
    count(state, placement, -1);
  }
}

function readCounts(state: StateReader): PlacementCounts {
  return counts.read(state, '') ?? { opened: 0, kept: 0 };
}

function count(state: StateWriter, { appOwner }: Placement, sign: 1 | -1): void {
  const { opened, kept } = readCounts(state);
  counts.write(state, '', { opened: opened + Math.max(0, sign), kept: kept + sign });
  const owned = (ofOwner.read(state, hex(appOwner)) ?? 0) + sign;
  if (owned === 0) ofOwner.remove(state, hex(appOwner));
  else ofOwner.write(state, hex(appOwner), owned);
}

function readiness(phase: PlacementPhase): number {
  return phase === 'ready' ? 1 : 0;
}

/** Keeps the node's totals equal to its placements. */
function use(state: StateWriter, placement: Placement, sign: 1 | 0 | -1, ready: number, time: number): void {
  if (sign === 0 && ready === 0) return;
  const before = readUsage(state, placement.node);
  const usage: Usage = {
    cpuMillis: before.cpuMillis + sign * placement.cpuMillis,
    memoryBytes: before.memoryBytes + sign * placement.memoryBytes,
    workloads: before.workloads + sign,
    ready: before.ready + ready,
  };
  writeUsage(state, placement.node, usage);
  followPlacements(state, placement.node, time);
}

/** Makes processor and memory of the node, as far as they are in service, say what its placements hold. */
export function followPlacements(state: StateWriter, node: Uint8Array, time: number): void {
  const { workloads, ready } = readUsage(state, node);
  followUse(state, node, workloads === 0 ? 'available' : ready === 0 ? 'allocated' : 'in-use', time);
}
