import type { HybridPublicKey } from '@hypermesh/stoq';
import type { ApplyContext, StateReader } from '../machine/machine.ts';
import type { LeasedTime } from './leased-time.ts';
import { readMember, sponsorsOf } from './member.ts';
import { readNode } from './node.ts';
import { type Placement, placementsAfter, placementsNamed, readPlacement } from './placement.ts';

/** Name of the machine whose state says what is paid for. */
export const FUNDS_MACHINE = 'caesar';

/** What the mesh reads of the ledger's state as of the previous block. */
export interface FundsView {
  /** Units left for the app when `leased`, all that it has leased since genesis, is paid; negative when it cannot be. */
  escrowLeft(owner: Uint8Array, app: string, leased: LeasedTime): bigint;
  /** Whether nothing of the placement remains to be billed. */
  isSettled(placement: MeshBilledPlacement): boolean;
}

/** What the ledger reads of the mesh: structurally its `PlacementView`. */
export interface MeshPlacementView {
  placements(after: string): Iterable<MeshBilledPlacement>;
  placementsOf(app: string): Iterable<MeshBilledPlacement>;
  placement(id: string): MeshBilledPlacement | undefined;
  ingress(node: Uint8Array): { readonly owner: Uint8Array; readonly key: HybridPublicKey } | undefined;
  sponsors(member: Uint8Array): readonly Uint8Array[];
}

export type MeshBilledPlacement = Pick<
  Placement,
  'id' | 'app' | 'appOwner' | 'provider' | 'openedAt' | 'closedAt' | 'memoryBytes' | 'cpuMillis'
>;

export function placementView(mesh: StateReader): MeshPlacementView {
  return {
    placements: (after) => placementsAfter(mesh, after),
    placementsOf: (app) => placementsNamed(mesh, app),
    placement: (id) => readPlacement(mesh, id),
    ingress(node) {
      const member = readMember(mesh, node);
      if (member === undefined || (readNode(mesh, node)?.ingress ?? null) === null) return undefined;
      return { owner: member.owner, key: member.key };
    },
    sponsors: (member) => sponsorsOf(mesh, member),
  };
}

/** Undefined in a mesh without a ledger: nothing is paid for there. */
export function fundsOf(context: Pick<ApplyContext, 'view'>, funds: (caesar: StateReader) => FundsView): FundsView | undefined {
  const caesar = context.view(FUNDS_MACHINE);
  return caesar === undefined ? undefined : funds(caesar);
}
