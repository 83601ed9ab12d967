import { bytes, type Codec, encode, hashLabelled, list, struct, text, uint } from '@hypermesh/stoq';
import type { TreeHead } from './append-only-tree.ts';

/** All that the execution of a block leads to; its hash is what blocks carry and quorum certificates cover. */
export interface StateRoots {
  /** In the order of genesis. */
  readonly machines: readonly MachineRoot[];
  /** Root of the map from account to its last sequence. */
  readonly sequences: Uint8Array;
  readonly receipts: TreeHead;
}

export interface MachineRoot {
  readonly name: string;
  readonly version: number;
  readonly root: Uint8Array;
}

const NAME_CHARS_MAX = 64;
// As in genesis: a handful of packages with machines exists.
export const MACHINE_COUNT_MAX: number = 16;

export const stateRootsCodec: Codec<StateRoots> = struct({
  machines: list(struct({ name: text(NAME_CHARS_MAX), version: uint(), root: bytes(32) }), MACHINE_COUNT_MAX),
  sequences: bytes(32),
  receipts: struct({ size: uint(), root: bytes(32) }),
});

export function rootOfRoots(roots: StateRoots): Uint8Array {
  return hashLabelled('hypermesh/root-of-roots/1', encode(stateRootsCodec, roots));
}
