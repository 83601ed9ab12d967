import { bytes, type Codec, encode, formatId, hashLabelled, oneOf, struct, text, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { REASON_LENGTH_MAX } from './limits.ts';
import { hex, index, type Index, table, type Table } from './table.ts';

export type AssetKind = 'cpu' | 'gpu' | 'memory' | 'storage' | 'network';
export type AssetState = 'available' | 'allocated' | 'in-use' | 'suspended' | 'maintenance' | 'failed';

/** What a node has detected of itself. */
export interface DetectedAsset {
  readonly kind: AssetKind;
  /** Unique on the node within the kind, e.g. `eth0`. */
  readonly name: string;
  /** Cores of a cpu, bytes of memory and storage, 1 for a device. */
  readonly quantity: number;
  /** Model or form, for people. */
  readonly detail: string;
}

export interface Asset extends DetectedAsset {
  /** 32 bytes: hash of node, kind and name. */
  readonly id: Uint8Array;
  readonly node: Uint8Array;
  readonly owner: Uint8Array;
  readonly state: AssetState;
  /** Why it is in that state; empty for the ordinary course. */
  readonly reason: string;
  /** Block time of the last change of state, milliseconds. */
  readonly changedAt: number;
}

const ASSET_NAME_LENGTH_MAX = 64;
const ASSET_DETAIL_LENGTH_MAX = 128;

export const assetStateCodec: Codec<AssetState> = oneOf('available', 'allocated', 'in-use', 'suspended', 'maintenance', 'failed');

const detectedFields = {
  kind: oneOf('cpu', 'gpu', 'memory', 'storage', 'network'),
  name: text(ASSET_NAME_LENGTH_MAX),
  quantity: uint(),
  detail: text(ASSET_DETAIL_LENGTH_MAX),
};
export const detectedAssetCodec: Codec<DetectedAsset> = struct(detectedFields);

export const assetCodec: Codec<Asset> = struct({
  ...detectedFields,
  id: bytes(32),
  node: bytes(32),
  owner: bytes(32),
  state: assetStateCodec,
  reason: text(REASON_LENGTH_MAX),
  changedAt: uint(),
});

/** From each state to these only. What failed is looked at in maintenance before it serves again. */
export const ASSET_TRANSITIONS: Readonly<Record<AssetState, readonly AssetState[]>> = {
  available: ['allocated', 'suspended', 'maintenance', 'failed'],
  allocated: ['in-use', 'available', 'suspended', 'failed'],
  'in-use': ['allocated', 'available', 'suspended', 'failed'],
  suspended: ['available', 'maintenance', 'failed'],
  maintenance: ['available', 'failed'],
  failed: ['maintenance'],
};

/** States in which an asset takes part in placement. */
export const IN_SERVICE: ReadonlySet<AssetState> = new Set<AssetState>(['available', 'allocated', 'in-use']);

/** Reason of the suspension that ends by itself when the node has a lease again. */
export const LEASE_EXPIRED = 'lease-expired';

const assets: Table<Asset> = table('asset', assetCodec);
const byNode: Index = index('node-asset');

export function assetIdOf(node: Uint8Array, { kind, name }: Pick<DetectedAsset, 'kind' | 'name'>): Uint8Array {
  return hashLabelled('hypermesh/asset/1', encode(assetNameCodec, { node, kind, name }));
}

const assetNameCodec: Codec<{ readonly node: Uint8Array; readonly kind: AssetKind; readonly name: string }> = struct({
  node: bytes(32),
  kind: detectedFields.kind,
  name: detectedFields.name,
});

/** Throws `hypermesh.asset_unknown`. */
export function assetOf(state: StateReader, id: Uint8Array): Asset {
  const asset = assets.read(state, hex(id));
  if (asset === undefined) throw hypermeshError('hypermesh.asset_unknown', { id: hex(id) });
  return asset;
}

export function assetsOfNode(state: StateReader, node: Uint8Array): readonly Asset[] {
  return byNode.entries(state, `${hex(node)}/`).map((entry) => assets.read(state, entry.slice(hex(node).length + 1)) as Asset);
}

export function allAssets(state: StateReader): Iterable<Asset> {
  return assets.all(state);
}

/** Makes the node's assets those that it has detected; known ones keep their state. */
export function replaceAssets(
  state: StateWriter,
  node: { readonly id: Uint8Array; readonly owner: Uint8Array },
  detected: readonly DetectedAsset[],
  time: number,
): void {
  const known = new Map(assetsOfNode(state, node.id).map((asset) => [hex(asset.id), asset]));
  for (const found of detected) {
    const id = assetIdOf(node.id, found);
    const before = known.get(hex(id));
    known.delete(hex(id));
    const fresh = { state: 'available', reason: '', changedAt: time } as const;
    assets.write(state, hex(id), { ...fresh, ...before, ...found, id, node: node.id, owner: node.owner });
    byNode.add(state, `${hex(node.id)}/${hex(id)}`);
  }
  for (const id of known.keys()) {
    assets.remove(state, id);
    byNode.remove(state, `${hex(node.id)}/${id}`);
  }
}

/** Throws `hypermesh.asset_transition` for a step that the table does not hold. */
export function transition(state: StateWriter, asset: Asset, to: AssetState, reason: string, time: number): void {
  if (!ASSET_TRANSITIONS[asset.state].includes(to)) {
    throw hypermeshError('hypermesh.asset_transition', { id: formatAsset(asset), from: asset.state, to });
  }
  assets.write(state, hex(asset.id), { ...asset, state: to, reason, changedAt: time });
}

function formatAsset({ node, kind, name }: Asset): string {
  return `${formatId('node', node)}/${kind}/${name}`;
}

/** What placements use: the processor and the memory. */
export function isCapacity(asset: Pick<Asset, 'kind'>): boolean {
  return asset.kind === 'cpu' || asset.kind === 'memory';
}

/** Moves the node's processor and memory along with its placements. */
export function followUse(state: StateWriter, node: Uint8Array, use: 'available' | 'allocated' | 'in-use', time: number): void {
  for (const asset of assetsOfNode(state, node)) {
    if (!isCapacity(asset) || !IN_SERVICE.has(asset.state) || asset.state === use) continue;
    transition(state, asset, asset.state === 'available' ? 'allocated' : use, '', time);
    if (asset.state === 'available' && use === 'in-use') transition(state, assetOf(state, asset.id), use, '', time);
  }
}

/** The assets of a node that nobody hears from serve nobody. */
export function suspendForLease(state: StateWriter, node: Uint8Array, time: number): void {
  for (const asset of assetsOfNode(state, node)) {
    if (IN_SERVICE.has(asset.state)) transition(state, asset, 'suspended', LEASE_EXPIRED, time);
  }
}

export function resumeForLease(state: StateWriter, node: Uint8Array, time: number): void {
  for (const asset of assetsOfNode(state, node)) {
    if (asset.state === 'suspended' && asset.reason === LEASE_EXPIRED) transition(state, asset, 'available', '', time);
  }
}
