import type { StateReader } from '../machine/machine.ts';
import type { MeshOperation } from '../mesh-machine/operation.ts';

/** Agreed state of the mesh machine as this process knows it: a validator's own, or a follower's. */
export interface MeshSource {
  state(): StateReader;
  /** Calls back after each executed block; returns the unsubscribe function. */
  onChange(listener: () => void): () => void;
}

/**
 * Orders the operations as one transaction of this node and answers the result of each once it is certified. Throws the code of
 * the receipt, or why it was not ordered.
 */
export type SubmitOperations = (operations: readonly MeshOperation[], signal: AbortSignal) => Promise<readonly Uint8Array[]>;
