import type { Entropy } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import { type ProvenOperation, proveOperation, type Sponsorship } from '../mesh-machine/operation.ts';
import type { MeshClient } from './mesh-client.ts';
import { queryMesh } from './mesh-query.ts';

/**
 * A node whose current Proof of State vouches for operations of the owner: the one with the newest verdict, so that it stays
 * current longest. Throws `hypermesh.proof_missing` while no node has one.
 */
export async function findSponsorship(
  client: Pick<MeshClient, 'query'>,
  owner: Uint8Array,
  options: { readonly signal: AbortSignal },
): Promise<Sponsorship> {
  const { meshId, operationPuzzleBits: puzzleBits } = await queryMesh(client, 'parameters', 0, options);
  const nodes = await queryMesh(client, 'nodes', 0, options);
  const proven = nodes.flatMap(({ node, verdict, schedulable }) =>
    verdict !== null && schedulable ? [{ sponsor: node.id, verdict }] : [],
  );
  const [best] = proven.toSorted(
    (one, other) => other.verdict.window - one.verdict.window || other.verdict.orderedAt - one.verdict.orderedAt,
  );
  if (best === undefined) throw hypermeshError('hypermesh.proof_missing', { reason: 'no node has a current verdict yet' });
  return { meshId, owner, sponsor: best.sponsor, verdict: best.verdict.digest, puzzleBits };
}

/** The operation with the proof of a sponsor. */
export async function sponsored<Operation extends ProvenOperation>(
  operation: Operation,
  client: Pick<MeshClient, 'query'>,
  owner: Uint8Array,
  options: { readonly signal: AbortSignal; readonly entropy: Entropy },
): Promise<Operation> {
  return proveOperation(operation, await findSponsorship(client, owner, options), options.entropy);
}
