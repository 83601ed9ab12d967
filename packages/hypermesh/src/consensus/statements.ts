import { bytes, type Codec, encode, labelled, struct, uint } from '@hypermesh/stoq';
import { VALIDATOR_COUNT_MAX } from '@hypermesh/trustchain';

/** What a voter signs, under `hypermesh/vote/1`. */
export interface Vote {
  readonly meshId: Uint8Array;
  readonly epoch: number;
  readonly round: number;
  readonly blockId: Uint8Array;
  readonly voter: number;
}

/** What a validator signs that gives up a round, under `hypermesh/timeout/1`. */
export interface Timeout {
  readonly meshId: Uint8Array;
  readonly epoch: number;
  readonly round: number;
  readonly highQcRound: number;
}

/** What a leader signs, under `hypermesh/proposal/1`: it binds the block by its id, so two of one round are short evidence. */
export interface ProposalStatement {
  readonly meshId: Uint8Array;
  readonly epoch: number;
  readonly round: number;
  readonly blockId: Uint8Array;
  readonly proposer: number;
}

const validator = uint(VALIDATOR_COUNT_MAX - 1);
const slot = { meshId: bytes(32), epoch: uint(), round: uint() };

export const voteCodec: Codec<Vote> = struct({ ...slot, blockId: bytes(32), voter: validator });
export const timeoutCodec: Codec<Timeout> = struct({ ...slot, highQcRound: uint() });
export const proposalStatementCodec: Codec<ProposalStatement> = struct({ ...slot, blockId: bytes(32), proposer: validator });

/** The bytes that are signed. */
export function voteMessage(vote: Vote): Uint8Array {
  return labelled('hypermesh/vote/1', encode(voteCodec, vote));
}

export function timeoutMessage(timeout: Timeout): Uint8Array {
  return labelled('hypermesh/timeout/1', encode(timeoutCodec, timeout));
}

export function proposalMessage(statement: ProposalStatement): Uint8Array {
  return labelled('hypermesh/proposal/1', encode(proposalStatementCodec, statement));
}
