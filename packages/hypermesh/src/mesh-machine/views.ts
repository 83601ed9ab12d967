import type { HybridPublicKey } from '@hypermesh/stoq';
import type { ApplyContext, StateReader } from '../machine/machine.ts';
import { readMember } from './member.ts';
import { allPlacements, type Placement, readPlacement } from './placement.ts';

/** Name of the machine whose state says what is paid for. */
export const FUNDS_MACHINE = 'caesar';

/** What the mesh reads of the ledger's state as of the previous block. */
export interface FundsView {
  /** Units that may still be spent for the app; 0 without an open escrow. */
  escrowAvailable(owner: Uint8Array, app: string): bigint;
  /** Block time up to which a placement was billed; undefined before its first bill. */
  billedUntil(placement: string): number | undefined;
}

/** What the ledger reads of the mesh: structurally its `PlacementView`. */
export interface MeshPlacementView {
  placements(): Iterable<MeshBilledPlacement>;
  placement(id: string): MeshBilledPlacement | undefined;
  node(id: Uint8Array): { readonly owner: Uint8Array; readonly key: HybridPublicKey } | undefined;
}

export type MeshBilledPlacement = Pick<
  Placement,
  'id' | 'app' | 'appOwner' | 'provider' | 'openedAt' | 'closedAt' | 'memoryBytes' | 'cpuMillis'
>;

export function placementView(mesh: StateReader): MeshPlacementView {
  return {
    placements: () => allPlacements(mesh),
    placement: (id) => readPlacement(mesh, id),
    node(id) {
      const member = readMember(mesh, id);
      return member === undefined ? undefined : { owner: member.owner, key: member.key };
    },
  };
}

/** Undefined in a mesh without a ledger: nothing is paid for there. */
export function fundsOf(context: Pick<ApplyContext, 'view'>, funds: (caesar: StateReader) => FundsView): FundsView | undefined {
  const caesar = context.view(FUNDS_MACHINE);
  return caesar === undefined ? undefined : funds(caesar);
}
