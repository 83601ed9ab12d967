import {
  encodeOperation,
  MESH_MACHINE,
  type NodeAnswer,
  type ProvenOperation,
  proveOperation,
  queryMesh,
  type Receipt,
} from '@hypermesh/mesh/client';
import { hasCode } from '@hypermesh/stoq';
import { cliError } from '../errors.ts';
import type { Output } from '../output.ts';
import { pause, type Session } from '../session.ts';

// A verdict serves in its window and the next (Proof of State).
const VERDICT_WINDOWS = 2;
// A fresh mesh has its first verdicts within seconds.
const POLL_MS = 500;
// Between choosing a sponsor and the block that orders the operation a window may end, hardly twice.
const ATTEMPTS_MAX = 3;

export interface Sponsor {
  readonly id: Uint8Array;
  readonly verdict: Uint8Array;
}

/** The node whose verdict will serve longest. */
export function chooseSponsor(nodes: readonly Pick<NodeAnswer, 'node' | 'verdict'>[], window: number): Sponsor | undefined {
  const current = nodes.flatMap(({ node, verdict }) =>
    verdict !== null && verdict.window > 0 && verdict.window + VERDICT_WINDOWS > window ? [{ id: node.id, verdict }] : [],
  );
  const [best] = current.sort((one, other) => other.verdict.window - one.verdict.window);
  return best === undefined ? undefined : { id: best.id, verdict: best.verdict.digest };
}

/** Orders an operation under the Proof of State of a node that has a current verdict, and waits for one if none has. */
export async function orderSponsored(session: Session, operation: ProvenOperation, out: Output): Promise<Receipt> {
  const { mesh, account, member, signal, entropy } = session;
  const { operationPuzzleBits: puzzleBits } = await queryMesh(mesh, 'parameters', 0, { signal });
  for (let attempt = 1; ; attempt++) {
    const { id: sponsor, verdict } = await awaitSponsor(session, out);
    const proven = proveOperation(operation, { meshId: member.meshId, owner: account.owner, sponsor, verdict, puzzleBits }, entropy);
    try {
      return await mesh.transact(account, MESH_MACHINE, [encodeOperation(proven)], { signal });
    } catch (error) {
      const outdated = hasCode(error, 'hypermesh.proof_stale') || hasCode(error, 'hypermesh.proof_foreign');
      if (!outdated || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

async function awaitSponsor(session: Session, out: Output): Promise<Sponsor> {
  const { mesh, signal } = session;
  for (let told = false; ; told = true) {
    const [nodes, window] = await Promise.all([queryMesh(mesh, 'nodes', 0, { signal }), queryMesh(mesh, 'window', 0, { signal })]);
    const sponsor = chooseSponsor(nodes, window?.number ?? 0);
    if (sponsor !== undefined) return sponsor;
    if (!told) out.progress('Waiting for a node with a current Proof of State');
    try {
      await pause(session, POLL_MS);
    } catch (cause) {
      throw cliError('cli.sponsor_missing', { nodes: nodes.length }, { cause });
    }
  }
}
