import { type Clock, CodedError, type Crypto } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader } from '../machine/machine.ts';
import { readCommitteeMember } from '../mesh-machine/member.ts';
import type { MeshOperation } from '../mesh-machine/operation.ts';
import { readParameters } from '../mesh-machine/parameters.ts';
import { type CommitteeSignature, nextStatement, verdictMessage, type VerdictStatement } from '../mesh-machine/verdict.ts';
import { type ProofAnswer, sampledChunks, solveWindowPuzzle, statementDigest } from './answer.ts';
import type { AnswerResponse, ChallengeRequest, ChallengeResponse } from './contract.ts';
import type { Plot } from './plot-file.ts';

/** One validator to convince, over the network or in this process. */
export interface CommitteePeer {
  /** Node id of the validator, 32 bytes. */
  readonly member: Uint8Array;
  challenge(request: ChallengeRequest, options: { readonly signal: AbortSignal }): Promise<ChallengeResponse>;
  answer(answer: ProofAnswer, options: { readonly signal: AbortSignal }): Promise<AnswerResponse>;
}

export interface ProverComponents {
  readonly node: Uint8Array;
  readonly plot: Plot;
  /** Agreed state of the mesh machine. */
  readonly state: () => StateReader;
  readonly peers: readonly CommitteePeer[];
  readonly crypto: Pick<Crypto, 'verify'>;
  readonly clock: Clock;
}

export type VerdictOperation = Extract<MeshOperation, { readonly kind: 'verdict' }>;

/**
 * Answers the committee for the present window: all members at once, until a quorum has signed. Throws `hypermesh.quorum_lost`
 * with the first refusal as cause, `hypermesh.proof_missing` before the first window.
 */
export async function proveWindow(components: ProverComponents, signal: AbortSignal): Promise<VerdictOperation> {
  const state = components.state();
  const statement = nextStatement(state, components.node);
  if (statement === undefined) throw hypermeshError('hypermesh.proof_missing', { reason: 'no window is open' });
  const { quorum, windowPuzzleBits } = readParameters(state);
  const nonce = solveWindowPuzzle(statement, windowPuzzleBits);
  const enough = new AbortController();
  const round = AbortSignal.any([signal, enough.signal]);
  const signatures: CommitteeSignature[] = [];
  let refusal: unknown;
  await Promise.all(
    components.peers.map(async (peer) => {
      try {
        signatures.push(await convince(components, peer, statement, nonce, round));
        if (signatures.length >= quorum) enough.abort();
      } catch (error) {
        refusal ??= error;
      }
    }),
  );
  if (signatures.length >= quorum) return { kind: 'verdict', statement, signatures: signatures.slice(0, quorum) };
  const code = refusal instanceof CodedError ? refusal.code : undefined;
  throw hypermeshError('hypermesh.quorum_lost', { signatures: signatures.length, quorum, code }, { cause: refusal });
}

async function convince(
  components: ProverComponents,
  peer: CommitteePeer,
  statement: VerdictStatement,
  nonce: number,
  signal: AbortSignal,
): Promise<CommitteeSignature> {
  const { plot, clock, crypto, state } = components;
  const { random } = await peer.challenge({ window: statement.window }, { signal });
  const indexes = sampledChunks(statement, random);
  const chunks = await Promise.all(indexes.map(async (index) => ({ index, ...(await plot.read(index)) })));
  const answer = { statement: statementDigest(statement), nonce, clock: clock.now(), chunks };
  const { signature: bytes } = await peer.answer(answer, { signal });
  const signature = { algorithm: 'ml-dsa-44', bytes } as const;
  const key = readCommitteeMember(state(), peer.member)?.witnessKey;
  if (key === undefined || !crypto.verify(key, verdictMessage(statement), signature)) {
    throw hypermeshError('hypermesh.proof_invalid', { reason: 'the member signed something else' });
  }
  return { member: peer.member, signature };
}
