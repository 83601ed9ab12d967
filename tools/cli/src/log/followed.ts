import { type Client, CodedError, decode } from '@hypermesh/stoq';
import {
  type DecodedTransaction,
  FollowAssembler,
  type FollowedBlock,
  type FollowItem,
  LogVerifier,
  meshContract,
  type MeshMethods,
  validatorTargets,
} from '@hypermesh/mesh/client';
import { blockCodec } from '@hypermesh/mesh';
import { cliError } from '../errors.ts';
import type { Session } from '../session.ts';

/** A final block at its height, verified from the validator set of genesis. */
export interface VerifiedBlock extends FollowedBlock {
  readonly height: number;
  /** Name of the validator that has shown it. */
  readonly from: string;
}

/**
 * Final blocks after a height, one after the other, without end; from another validator when one fails. The certificates of
 * the quorum cover each block and, through the chain of ids, all before it. Throws `cli.log_refused` when no validator shows
 * anything for a whole round.
 */
export async function* followVerified(session: Session, afterHeight: number): AsyncGenerator<VerifiedBlock> {
  const { member, crypto, signal } = session;
  const verifier = new LogVerifier(member.genesis, crypto);
  const targets = validatorTargets(member.genesis, 'bundle');
  const position: Position = { height: afterHeight, lastId: null };
  for (let failures: string[] = []; failures.length < targets.length;) {
    for (const [index, target] of targets.entries()) {
      const client = member.host.connect(meshContract, target);
      const from = member.genesis.validators[index]?.name ?? '';
      try {
        for await (const block of follow(client, verifier, position, signal)) {
          failures = [];
          yield { ...block, from };
        }
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof CodedError)) throw error;
        failures.push(`${from}: ${error.code}`);
        if (failures.length >= targets.length) throw cliError('cli.log_refused', { reason: failures.join(', ') }, { cause: error });
      }
    }
  }
}

interface Position {
  height: number;
  /** Of the block at that height; null before the first. */
  lastId: Uint8Array | null;
}

async function* follow(
  client: Client<MeshMethods>,
  verifier: LogVerifier,
  position: Position,
  signal: AbortSignal,
): AsyncGenerator<Omit<VerifiedBlock, 'from'>> {
  let assembler = position.lastId === null ? null : new FollowAssembler(verifier, position.lastId);
  for await (const item of client.follow({ afterHeight: position.height }, { signal })) {
    // What the first block follows is vouched for by the quorum that made the block final.
    assembler ??= item.kind === 'final' ? new FollowAssembler(verifier, parentOf(item)) : null;
    for (const block of assembler?.take(item) ?? []) {
      position.height += 1;
      position.lastId = block.id;
      yield { ...block, height: position.height };
    }
  }
}

/** Those that could be decoded: a block may order others, which have no effect. */
export function transactionsOf({ batches }: FollowedBlock): readonly DecodedTransaction[] {
  return batches.flat().filter((transaction) => transaction !== null);
}

function parentOf({ blocks: [first] }: Extract<FollowItem, { readonly kind: 'final' }>): Uint8Array {
  return decode(blockCodec, first as Uint8Array).parent.blockId;
}
