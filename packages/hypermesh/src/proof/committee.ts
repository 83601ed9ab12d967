import { type Clock, type Entropy, type Handlers, HASH_BYTES, type Signer } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader } from '../machine/machine.ts';
import { NODE_COUNT_MAX } from '../mesh-machine/limits.ts';
import { memberOf } from '../mesh-machine/member.ts';
import { nodeOf } from '../mesh-machine/node.ts';
import { readParameters } from '../mesh-machine/parameters.ts';
import { hex } from '../mesh-machine/table.ts';
import { nextStatement, verdictMessage, type VerdictStatement } from '../mesh-machine/verdict.ts';
import { type ProofAnswer, verifyAnswer } from './answer.ts';
import type { AnswerResponse, ChallengeRequest, ChallengeResponse, ProofMethods } from './contract.ts';
import { encodePlot, plotTree } from './plot.ts';

// From the random number to the whole answer: a disk read and a quarter of a megabyte over the network.
export const ANSWER_MS_MAX: number = 3_000;

export interface CommitteeComponents {
  /** Agreed state of the mesh machine. */
  readonly state: () => StateReader;
  readonly witness: Signer<'ml-dsa-44'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** A validator's part in Proof of State: asks, measures, checks, signs. Memory is bounded by the number of nodes. */
export interface Committee {
  /** Throws `hypermesh.member_unknown`, `.node_unknown`, `.proof_stale`. */
  challenge(node: Uint8Array, request: ChallengeRequest): Promise<ChallengeResponse>;
  /** Throws `hypermesh.proof_missing` (no challenge), `.proof_late`, `.proof_stale`, `.proof_clock`, `.proof_invalid`. */
  answer(node: Uint8Array, answer: ProofAnswer): Promise<AnswerResponse>;
  /** For the host of a validator: the caller's identity is the node. */
  readonly handlers: Handlers<ProofMethods>;
}

export function createCommittee(components: CommitteeComponents): Committee {
  const committee = new ProofCommittee(components);
  return {
    challenge: (node, request) => committee.challenge(node, request),
    answer: (node, answer) => committee.answer(node, answer),
    handlers: {
      challenge: (request, { peer }) => committee.challenge(peer.id, request),
      answer: (answer, { peer }) => committee.answer(peer.id, answer),
    },
  };
}

interface OpenChallenge {
  readonly random: Uint8Array;
  /** Monotonic milliseconds. */
  readonly askedAt: number;
}

class ProofCommittee {
  readonly #components: CommitteeComponents;
  readonly #open = new Map<string, OpenChallenge>();
  readonly #roots = new Map<string, Promise<Uint8Array>>();
  #encoding: Promise<unknown> = Promise.resolve();

  constructor(components: CommitteeComponents) {
    this.#components = components;
  }

  async challenge(node: Uint8Array, { window }: ChallengeRequest): Promise<ChallengeResponse> {
    const { entropy, clock } = this.#components;
    if (this.#statementFor(node).window !== window) throw hypermeshError('hypermesh.proof_stale', { window });
    // Not on the node's time.
    await this.#plotRoot(node);
    const random = entropy.bytes(HASH_BYTES);
    remember(this.#open, hex(node), { random, askedAt: clock.monotonic() });
    return { random };
  }

  async answer(node: Uint8Array, answer: ProofAnswer): Promise<AnswerResponse> {
    const { clock, state, witness } = this.#components;
    const open = this.#open.get(hex(node));
    if (open === undefined) throw hypermeshError('hypermesh.proof_missing', { reason: 'no challenge is open' });
    this.#open.delete(hex(node));
    const tookMs = Math.round(clock.monotonic() - open.askedAt);
    if (tookMs > ANSWER_MS_MAX) throw hypermeshError('hypermesh.proof_late', { tookMs, answerMsMax: ANSWER_MS_MAX });
    const statement = this.#statementFor(node);
    verifyAnswer(answer, {
      statement,
      plotRoot: await this.#plotRoot(node),
      random: open.random,
      now: clock.now(),
      puzzleBits: readParameters(state()).windowPuzzleBits,
    });
    const { bytes: signature } = await witness.sign(verdictMessage(statement));
    return { signature };
  }

  /** WHO and WHEN come from agreed state, never from the answer. */
  #statementFor(node: Uint8Array): VerdictStatement {
    const state = this.#components.state();
    memberOf(state, node);
    nodeOf(state, node);
    const statement = nextStatement(state, node);
    if (statement === undefined) throw hypermeshError('hypermesh.proof_stale', { reason: 'no window is open' });
    return statement;
  }

  /** Computed once a node, one after the other: it costs a tenth of a second. */
  #plotRoot(node: Uint8Array): Promise<Uint8Array> {
    const known = this.#roots.get(hex(node));
    if (known !== undefined) return known;
    const { meshId } = readParameters(this.#components.state());
    const root = this.#encoding.then(async () => plotTree(await encodePlot(meshId, node)).root);
    this.#encoding = root;
    remember(this.#roots, hex(node), root);
    return root;
  }
}

/** Only nodes in agreed state get here, so the limit holds unless nodes left; then the oldest entry leaves. */
function remember<T>(entries: Map<string, T>, key: string, entry: T): void {
  entries.delete(key);
  entries.set(key, entry);
  for (const oldest of entries.keys()) {
    if (entries.size <= NODE_COUNT_MAX) return;
    entries.delete(oldest);
  }
}
