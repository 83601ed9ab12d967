import { bool, bytes, type Codec, list, optional, struct, text, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { assetsOfNode, type DetectedAsset, IN_SERVICE, isCapacity } from './asset.ts';
import { ADDRESS_LENGTH_MAX, NODE_COUNT_MAX } from './limits.ts';
import { addressesCodec } from './member.ts';
import { hex, table, type Table } from './table.ts';

/** What may be given to workloads together. */
export interface Capacity {
  /** Thousandths of one core. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly workloads: number;
}

/** What a node says of itself. */
export interface NodeDescription {
  /** Kinds of packages that its drivers run, e.g. `wasm`. */
  readonly packageKinds: readonly string[];
  readonly capacity: Capacity;
  /** Where it serves sessions. */
  readonly addresses: readonly string[];
  /** Where it serves ordinary HTTP clients; null without an ingress. */
  readonly ingress: string | null;
  /** Commitment to its Proof of State data file, 32 bytes. */
  readonly storageRoot: Uint8Array;
}

export interface MeshNode extends NodeDescription {
  readonly id: Uint8Array;
  /** Takes no new placements. */
  readonly cordoned: boolean;
  readonly describedAt: number;
}

/** What placements hold of a node. */
export interface Usage extends Capacity {
  /** Placements that answer requests. */
  readonly ready: number;
}

const PACKAGE_KIND_COUNT_MAX = 16;
const PACKAGE_KIND_LENGTH_MAX = 32;

export const packageKindCodec: Codec<string> = text(PACKAGE_KIND_LENGTH_MAX);
export const capacityCodec: Codec<Capacity> = struct({ cpuMillis: uint(), memoryBytes: uint(), workloads: uint() });

export const nodeDescriptionFields: {
  readonly packageKinds: Codec<readonly string[]>;
  readonly capacity: Codec<Capacity>;
  readonly addresses: Codec<readonly string[]>;
  readonly ingress: Codec<string | null>;
  readonly storageRoot: Codec<Uint8Array>;
} = {
  packageKinds: list(packageKindCodec, PACKAGE_KIND_COUNT_MAX),
  capacity: capacityCodec,
  addresses: addressesCodec,
  ingress: optional(text(ADDRESS_LENGTH_MAX)),
  storageRoot: bytes(32),
};

export const meshNodeCodec: Codec<MeshNode> = struct({ ...nodeDescriptionFields, id: bytes(32), cordoned: bool, describedAt: uint() });
export const usageCodec: Codec<Usage> = struct({ cpuMillis: uint(), memoryBytes: uint(), workloads: uint(), ready: uint() });

const nodes: Table<MeshNode> = table('node', meshNodeCodec);
const usages: Table<Usage> = table('usage', usageCodec);

export function readNode(state: StateReader, id: Uint8Array): MeshNode | undefined {
  return nodes.read(state, hex(id));
}

/** Throws `hypermesh.node_unknown`. */
export function nodeOf(state: StateReader, id: Uint8Array): MeshNode {
  const node = readNode(state, id);
  if (node === undefined) throw hypermeshError('hypermesh.node_unknown', { id: hex(id) });
  return node;
}

export function allNodes(state: StateReader): Iterable<MeshNode> {
  return nodes.all(state);
}

/** Throws `hypermesh.mesh_full`. */
export function writeNode(state: StateWriter, node: MeshNode): void {
  if (!nodes.has(state, hex(node.id)) && nodes.count(state) >= NODE_COUNT_MAX) {
    throw hypermeshError('hypermesh.mesh_full', { limit: 'nodes', countMax: NODE_COUNT_MAX });
  }
  nodes.write(state, hex(node.id), node);
}

export function readUsage(state: StateReader, node: Uint8Array): Usage {
  return usages.read(state, hex(node)) ?? { cpuMillis: 0, memoryBytes: 0, workloads: 0, ready: 0 };
}

export function writeUsage(state: StateWriter, node: Uint8Array, usage: Usage): void {
  usages.write(state, hex(node), usage);
}

/** A node offers no more than it has detected. Throws `hypermesh.node_invalid`. */
export function assertBacked(capacity: Capacity, detected: readonly DetectedAsset[]): void {
  const total = (kind: DetectedAsset['kind']): number =>
    detected.filter((asset) => asset.kind === kind).reduce((sum, asset) => sum + asset.quantity, 0);
  const names = new Set(detected.map(({ kind, name }) => `${kind}/${name}`));
  if (names.size !== detected.length) throw hypermeshError('hypermesh.node_invalid', { reason: 'two assets of one kind and name' });
  if (capacity.cpuMillis > total('cpu') * 1_000) throw hypermeshError('hypermesh.node_invalid', { reason: 'more cpu than detected' });
  if (capacity.memoryBytes > total('memory')) throw hypermeshError('hypermesh.node_invalid', { reason: 'more memory than detected' });
}

/** Whether processor and memory take part in placement. */
export function isInService(state: StateReader, node: Uint8Array): boolean {
  return assetsOfNode(state, node).every((asset) => !isCapacity(asset) || IN_SERVICE.has(asset.state));
}
