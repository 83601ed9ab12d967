import { type Entropy, hasCode, PeerError } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import { MESH_MACHINE } from '../mesh-machine/accounts.ts';
import { encodeOperation, type ProvenOperation, proveOperation, type Sponsorship } from '../mesh-machine/operation.ts';
import type { NodeAnswer } from '../mesh-machine/query.ts';
import { MESH_PARAMETERS } from '../mesh-machine/parameters.ts';
import { isCurrentIn } from '../mesh-machine/verdict.ts';
import type { Receipt } from '../transaction/receipt.ts';
import type { MeshAccount, MeshClient } from './mesh-client.ts';
import { queryMesh } from './mesh-query.ts';

// Between choosing a sponsor and the block that orders the operation a window may end, hardly twice.
const ATTEMPTS_MAX = 3;

export interface SponsoredOptions {
  /** Ends the wait; an operation that was handed in may still be ordered afterwards. */
  readonly signal: AbortSignal;
  readonly entropy: Entropy;
  /** Asks again as the caller wants to wait; without it `hypermesh.proof_missing` is thrown while no node can vouch. */
  readonly awaitSponsorship?: (ask: () => Promise<Sponsorship>) => Promise<Sponsorship>;
  /** Told of each attempt when its puzzle is solved and only the ordering is left. */
  readonly onProven?: () => void;
}

/**
 * Orders an operation under the Proof of State of a node. When the sponsor's verdict was replaced or had run out by the block that
 * ordered it, the operation is proven and ordered again, a few times. Throws what `transact` throws, and `findSponsorship`.
 */
export async function orderSponsored(
  client: Pick<MeshClient, 'query' | 'transact'>,
  account: MeshAccount,
  operation: ProvenOperation,
  { signal, entropy, awaitSponsorship = (ask) => ask(), onProven }: SponsoredOptions,
): Promise<Receipt> {
  for (let attempt = 1; ; attempt++) {
    const sponsorship = await awaitSponsorship(() => findSponsorship(client, account.owner, { signal }));
    const proven = encodeOperation(proveOperation(operation, sponsorship, entropy));
    onProven?.();
    try {
      return await client.transact(account, MESH_MACHINE, [proven], { signal });
    } catch (error) {
      if (signal.aborted || attempt === ATTEMPTS_MAX || !isOutdated(error)) throw error;
    }
  }
}

/**
 * A node whose current Proof of State vouches for operations of the owner: the one with the newest verdict, so that it stays
 * current longest. A cordoned node, or one without a lease, vouches as well. Throws `hypermesh.proof_missing` while no node can.
 */
export async function findSponsorship(
  client: Pick<MeshClient, 'query'>,
  owner: Uint8Array,
  options: { readonly signal: AbortSignal },
): Promise<Sponsorship> {
  const [{ meshId, operationPuzzleBits: puzzleBits }, nodes, window] = await Promise.all([
    queryMesh(client, 'parameters', 0, options),
    queryMesh(client, 'nodes', 0, options),
    queryMesh(client, 'window', 0, options),
  ]);
  // The word of one validator: a larger puzzle than any mesh may have would keep this process for hours.
  const { max } = MESH_PARAMETERS.operationPuzzleBits;
  if (puzzleBits > max) throw hypermeshError('hypermesh.genesis_parameter', { name: 'operationPuzzleBits', value: puzzleBits, max });
  const best = chooseSponsor(nodes, window?.number ?? 0);
  if (best === undefined) {
    throw hypermeshError('hypermesh.proof_missing', { reason: 'no node has a current verdict yet', nodes: nodes.length });
  }
  return { meshId, owner, ...best, puzzleBits };
}

/** The node whose verdict will serve longest. */
export function chooseSponsor(
  nodes: readonly Pick<NodeAnswer, 'node' | 'verdict'>[],
  window: number,
): Pick<Sponsorship, 'sponsor' | 'verdict'> | undefined {
  const current = nodes.flatMap(({ node, verdict }) =>
    verdict !== null && isCurrentIn(verdict, window) ? [{ sponsor: node.id, verdict }] : [],
  );
  const [best] = current.toSorted(
    (one, other) => other.verdict.window - one.verdict.window || other.verdict.orderedAt - one.verdict.orderedAt,
  );
  return best === undefined ? undefined : { sponsor: best.sponsor, verdict: best.verdict.digest };
}

/**
 * A verified receipt says that the machine refused the proof and undid the transaction, whose sequence is spent: the operation has
 * had no effect and never will, so that it may be ordered again. The bare word of a validator (`PeerError`) is no such receipt.
 * A verdict two windows old is unknown to the state, hence foreign.
 */
function isOutdated(error: unknown): boolean {
  return !(error instanceof PeerError) && (hasCode(error, 'hypermesh.proof_stale') || hasCode(error, 'hypermesh.proof_foreign'));
}
