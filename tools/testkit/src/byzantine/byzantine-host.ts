import {
  blockIdOf,
  type Block,
  type ConsensusMessage,
  consensusContract,
  consensusMessageCodec,
  type ConsensusMethods,
  proposalMessage,
  type Proposal,
  voteMessage,
} from '@hypermesh/mesh';
import {
  type Client,
  type Contract,
  decode,
  encode,
  equalBytes,
  type Handlers,
  type Host,
  type PeerTarget,
  type Signer,
} from '@hypermesh/stoq';
import type { Genesis } from '@hypermesh/trustchain';
import type { Prng } from '../prng.ts';
import { mutated } from './mutation.ts';

/**
 * What a faulty validator does to the others:
 * `double-vote`   votes for every block it can, and for another one of the same round;
 * `equivocation`  proposes two blocks in each round that it leads, and votes for both;
 * `garbage`       sends random, mutated and badly signed messages and batches besides its own, and answers with garbage;
 * `silence`       hears everything, says nothing, and answers no question.
 */
export type Misbehaviour = 'double-vote' | 'equivocation' | 'garbage' | 'silence';

export interface ByzantineComponents {
  readonly host: Pick<Host, 'serve' | 'connect'>;
  /** The validator's own vote key: it can sign what it likes, but only in its own name. */
  readonly voteSigner: Signer;
  readonly genesis: Genesis;
  readonly nodeId: Uint8Array;
  readonly prng: Prng;
}

/**
 * Stands between a real validator and the network: what the validator sends and answers passes through here. Misbehaves
 * from the start, and behaves while `misbehaviour` is null.
 */
export class ByzantineHost implements Pick<Host, 'serve' | 'connect'> {
  misbehaviour: Misbehaviour | null;
  /** Wrong messages and answers that left. */
  misdeeds = 0;
  readonly #components: ByzantineComponents;
  readonly #index: number;
  readonly #peers = new Map<number, Client<ConsensusMethods>>();

  constructor(components: ByzantineComponents, misbehaviour: Misbehaviour) {
    this.#components = components;
    this.misbehaviour = misbehaviour;
    this.#index = indexOf(components.genesis, components.nodeId);
  }

  serve<Methods extends Contract['methods']>(contract: Contract<Methods>, handlers: Handlers<Methods>): void {
    const { host } = this.#components;
    if (!isConsensus(contract)) return host.serve(contract, handlers);
    host.serve(consensusContract, this.#disguised(handlers as unknown as Handlers<ConsensusMethods>));
  }

  connect<Methods extends Contract['methods']>(contract: Contract<Methods>, peer: PeerTarget): Client<Methods> {
    const client = this.#components.host.connect(contract, peer);
    if (!isConsensus(contract) || peer.id === undefined) return client;
    const index = indexOf(this.#components.genesis, peer.id);
    const consensus = client as unknown as Client<ConsensusMethods>;
    this.#peers.set(index, consensus);
    const disguised: Client<ConsensusMethods> = {
      ...consensus,
      message: (request, options) => this.#send(index, request.message, () => consensus.message(request, options)),
      storeBatch: (request, options) => (this.#isSilent() ? nothing() : consensus.storeBatch(request, options)),
    };
    return disguised as unknown as Client<Methods>;
  }

  #disguised(handlers: Handlers<ConsensusMethods>): Handlers<ConsensusMethods> {
    const { prng } = this.#components;
    return {
      ...handlers,
      message: async (request, context) => {
        if (this.misbehaviour === 'double-vote') this.#voteTwice(request.message);
        return handlers.message(request, context);
      },
      batch: async (request, context) => {
        if (this.#isSilent()) return forever(context.signal);
        if (this.misbehaviour !== 'garbage') return handlers.batch(request, context);
        this.misdeeds++;
        return { batch: prng.bytes(prng.integer(0, 500)) };
      },
      blocks: async (request, context) => {
        if (this.#isSilent()) return forever(context.signal);
        const answer = await handlers.blocks(request, context);
        if (this.misbehaviour !== 'garbage') return answer;
        this.misdeeds++;
        return { blocks: answer.blocks.map((block) => mutated(block, prng)).toReversed() };
      },
    };
  }

  async #send(to: number, encoded: Uint8Array, honestly: () => Promise<Record<never, never>>): Promise<Record<never, never>> {
    if (this.#isSilent()) return nothing();
    const message = decode(consensusMessageCodec, encoded);
    if (this.misbehaviour === 'equivocation' && message.kind === 'proposal') return this.#equivocate(to, message);
    if (this.misbehaviour === 'garbage') void this.#litter(to, encoded, message);
    return honestly();
  }

  /** A vote for the block that came, whatever the validator itself thinks of it, and one for a block that nobody has. */
  #voteTwice(encoded: Uint8Array): void {
    const message = decode(consensusMessageCodec, encoded);
    if (message.kind !== 'proposal') return;
    const { block } = message;
    for (const blockId of [blockIdOf(block), this.#components.prng.bytes(32)]) void this.#vote(block, blockId);
  }

  /** To the first, second and third peer: one block, the other, both. */
  async #equivocate(to: number, proposal: ConsensusMessage & Proposal): Promise<Record<never, never>> {
    const one = proposal.block;
    const other = { ...one, time: one.time + 1 };
    const place = (to - this.#index + this.#components.genesis.validators.length + one.round) % 3;
    const blocks = place === 0 ? [one] : place === 1 ? [other] : [one, other];
    for (const block of blocks) {
      const { meshId, epoch, round, proposer } = block;
      const statement = proposalMessage({ meshId, epoch, round, proposer, blockId: blockIdOf(block) });
      const signature = await this.#components.voteSigner.sign(statement);
      await this.#post(to, { kind: 'proposal', block, signature, tc: proposal.tc });
    }
    if (place === 2) for (const block of blocks) await this.#vote(block, blockIdOf(block));
    return {};
  }

  /** The leader of the next round collects the votes of this one. */
  async #vote({ meshId, epoch, round }: Block, blockId: Uint8Array): Promise<void> {
    const collector = (round + 1) % this.#components.genesis.validators.length;
    if (collector === this.#index) return;
    const vote = { meshId, epoch, round, blockId, voter: this.#index };
    const signature = await this.#components.voteSigner.sign(voteMessage(vote));
    await this.#post(collector, { kind: 'vote', vote, signature });
  }

  async #litter(to: number, encoded: Uint8Array, message: ConsensusMessage): Promise<void> {
    const { prng } = this.#components;
    const peer = this.#peers.get(to) as Client<ConsensusMethods>;
    const litter = [prng.bytes(prng.integer(0, 2_000)), mutated(encoded, prng), ...(await this.#badlySigned(message))];
    this.misdeeds += litter.length + 1;
    await Promise.allSettled([
      ...litter.map((bytes) => peer.message({ message: bytes })),
      peer.storeBatch({ batch: prng.bytes(prng.integer(1, 2_000)) }),
    ]);
  }

  /** The message with a signature of something else, and in the name of another. */
  async #badlySigned(message: ConsensusMessage): Promise<Uint8Array[]> {
    const { prng, genesis, voteSigner } = this.#components;
    if (message.kind === 'certificates' || message.kind === 'announcement') return [];
    const forged = { ...message, signature: await voteSigner.sign(prng.bytes(32)) };
    if (message.kind === 'proposal') return [encode(consensusMessageCodec, forged)];
    const voter = prng.integer(0, genesis.validators.length - 1);
    const impostor = message.kind === 'vote' ? { ...message, vote: { ...message.vote, voter } } : { ...message, voter };
    return [encode(consensusMessageCodec, forged), encode(consensusMessageCodec, impostor)];
  }

  async #post(to: number, message: ConsensusMessage): Promise<void> {
    this.misdeeds++;
    await this.#peers
      .get(to)
      ?.message({ message: encode(consensusMessageCodec, message) })
      .catch(() => undefined);
  }

  #isSilent(): boolean {
    return this.misbehaviour === 'silence';
  }
}

function isConsensus(contract: Pick<Contract, 'name' | 'version'>): boolean {
  return contract.name === consensusContract.name && contract.version === consensusContract.version;
}

function indexOf(genesis: Genesis, nodeId: Uint8Array): number {
  return genesis.validators.findIndex((validator) => equalBytes(validator.nodeId, nodeId));
}

async function nothing(): Promise<Record<never, never>> {
  return {};
}

function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
}
