import { encode, equalBytes } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { ApplyContext, StateWriter } from '../machine/machine.ts';
import { type AssetState, assetOf, IN_SERVICE, isCapacity, replaceAssets, resumeForLease, transition } from './asset.ts';
import { readApp } from './app.ts';
import type { BlockTime } from './block-budget.ts';
import { converge, endPlacement } from './convergence.ts';
import { type LeaseGrant, leaseGrantCodec, heldLease, renewLease } from './lease.ts';
import { assertRole, type Member, memberOf } from './member.ts';
import { assertBacked, type Capacity, type MeshNode, nodeOf, readNode, readUsage, writeNode } from './node.ts';
import type { MeshOperation } from './operation.ts';
import { readParameters } from './parameters.ts';
import { followPlacements, type Placement, placementsOfNode } from './placement.ts';
import { dropVerdict } from './verdict.ts';

type Of<Kind extends MeshOperation['kind']> = Extract<MeshOperation, { readonly kind: Kind }>;

/** What the owner of a machine may set; allocation follows from placements. */
const BY_OWNER: ReadonlySet<AssetState> = new Set<AssetState>(['available', 'suspended', 'maintenance', 'failed']);

/** A node's own description of itself; what it can no longer hold is moved. */
export function describe(state: StateWriter, operation: Of<'node.describe'>, context: ApplyContext): void {
  const { assets, ...description } = operation;
  const member = memberOf(state, context.owner);
  assertRole(member, 'node', 'validator');
  assertBacked(description.capacity, assets);
  const known = readNode(state, context.owner);
  const node: MeshNode = { ...description, id: context.owner, cordoned: known?.cordoned ?? false, describedAt: context.time };
  writeNode(state, node);
  replaceAssets(state, { id: node.id, owner: member.owner }, assets, context.time);
  followPlacements(state, node.id, context.time);
  if (known !== undefined && !equalBytes(known.storageRoot, node.storageRoot)) dropVerdict(state, node.id);
  shrink(state, node, context);
}

export function renew(state: StateWriter, { lease: number }: Of<'lease.renew'>, { owner, time }: ApplyContext): Uint8Array {
  nodeOf(state, owner);
  const resumes = heldLease(state, owner) === undefined;
  const lease = renewLease(state, owner, number, time, readParameters(state).leaseMs);
  if (resumes) resumeForLease(state, owner, time);
  const grant: LeaseGrant = { number: lease.number, expiresAt: lease.expiresAt };
  return encode(leaseGrantCodec, grant);
}

export function cordon(state: StateWriter, operation: Of<'node.cordon'>, context: ApplyContext): void {
  const node = nodeOf(state, operation.node);
  assertMayManage(memberOf(state, context.owner), memberOf(state, node.id));
  writeNode(state, { ...node, cordoned: operation.cordoned });
  if (operation.drain && operation.cordoned) evict(state, placementsOfNode(state, node.id), 'drained', context);
}

export function moveAsset(state: StateWriter, operation: Of<'asset.transition'>, context: ApplyContext): void {
  const asset = assetOf(state, operation.asset);
  if (!equalBytes(asset.owner, context.owner) && !equalBytes(asset.node, context.owner)) {
    throw hypermeshError('hypermesh.not_authorised', { reason: 'the asset belongs to somebody else' });
  }
  if (!BY_OWNER.has(operation.to)) throw hypermeshError('hypermesh.asset_transition', { from: asset.state, to: operation.to });
  transition(state, asset, operation.to, 'owner', context.time);
  // An exclusive replica may still be stopping there.
  followPlacements(state, asset.node, context.time);
  if (isCapacity(asset) && !IN_SERVICE.has(operation.to)) {
    evict(state, placementsOfNode(state, asset.node), `asset-${operation.to}`, context);
  }
}

/** The node's owner manages it, and so do operators. */
function assertMayManage(actor: Member, node: Member): void {
  if (equalBytes(actor.id, node.id) || equalBytes(actor.id, node.owner)) return;
  assertRole(actor, 'operator');
}

/** Newest placements leave until the rest fits. */
function shrink(state: StateWriter, node: MeshNode, block: BlockTime): void {
  const used = { ...readUsage(state, node.id) };
  if (holds(node.capacity, used)) return;
  const newestFirst = [...placementsOfNode(state, node.id)].sort((one, other) => other.openedAt - one.openedAt);
  const leaving: Placement[] = [];
  for (const placement of newestFirst) {
    if (holds(node.capacity, used)) break;
    leaving.push(placement);
    used.cpuMillis -= placement.cpuMillis;
    used.memoryBytes -= placement.memoryBytes;
    used.workloads -= 1;
  }
  evict(state, leaving, 'capacity', block);
}

function holds(capacity: Capacity, used: Capacity): boolean {
  return used.cpuMillis <= capacity.cpuMillis && used.memoryBytes <= capacity.memoryBytes && used.workloads <= capacity.workloads;
}

function evict(state: StateWriter, leaving: readonly Placement[], reason: string, block: BlockTime): void {
  for (const placement of leaving) if (placement.phase !== 'closing') endPlacement(state, placement, reason, block.time);
  for (const name of new Set(leaving.map(({ app }) => app))) {
    const app = readApp(state, name);
    if (app !== undefined) converge(state, app, block);
  }
}
