import {
  type Block,
  type ChainBlock,
  type Consensus,
  type ConsensusEffect,
  type ConsensusMessage,
  consensusMessageCodec,
  createConsensus,
  createValidatorSet,
  genesisBlock,
  type SignRequest,
  type ValidatorSet,
} from '@hypermesh/mesh';
import { decode, encode, HASH_BYTES, hashLabelled, type Signature } from '@hypermesh/stoq';
import { createTestSignatures, Prng, type TestSignatures } from '@hypermesh/testkit';
import { Adversary } from './adversary.ts';
import { Checker } from './checker.ts';
import { Disk, hex } from './disk.ts';
import { Network } from './network.ts';
import { type Plant, plantedRestore, plantedSet, plantedVerify } from './plants.ts';
import type { Schedule, Step } from './schedule.ts';
import type { Simulation } from './simulation.ts';
import { Validator } from './validator.ts';

/** What happened to all validators together; `messages` were handed to the network. */
export interface Counts {
  readonly evidence: number;
  readonly crashes: number;
  readonly stalls: number;
  readonly rejections: number;
  readonly messages: number;
}

/** A whole mesh of validators in one simulation. */
export class Mesh {
  readonly validators: ValidatorSet;
  readonly checker: Checker;
  readonly #simulation: Simulation;
  readonly #schedule: Schedule;
  readonly #plant: Plant | null;
  readonly #network: Network;
  readonly #signatures: TestSignatures;
  readonly #genesis: ChainBlock;
  readonly #instances: Validator[] = [];
  readonly #adversaries = new Map<number, Adversary>();
  readonly #skewsMs: readonly number[];
  /** Submitted to an honest validator, so it must be ordered. */
  readonly #owed: Uint8Array[] = [];
  /** By who asks whom: the number of the last request. */
  readonly #askedAt = new Map<string, number>();
  #asks = 0;
  #isHealed = false;
  #digestCount = 0;
  readonly #counts = { evidence: 0, crashes: 0, stalls: 0, rejections: 0, messages: 0 };

  constructor(simulation: Simulation, schedule: Schedule, plant: Plant | null) {
    const { validatorCount, adversaries, skewMsMax } = schedule;
    this.#simulation = simulation;
    this.#schedule = schedule;
    this.#plant = plant;
    this.#signatures = createTestSignatures(validatorCount);
    this.validators = createValidatorSet(this.#signatures.keys.map((voteKey) => ({ voteKey })));
    const { verify } = this.#signatures;
    this.checker = new Checker(simulation, { validators: this.validators, verify, adversaries: new Set(adversaries.keys()) });
    const meshId = hashLabelled('hypermesh/simulated-mesh/1', Buffer.from(String(schedule.seed)));
    this.#genesis = genesisBlock({ meshId, validatorCount, time: EPOCH_MS, rootOfRoots: new Uint8Array(HASH_BYTES) });
    const twins = [...adversaries].filter(([, behaviours]) => behaviours.includes('twins')).map(([index]) => index);
    const indexes = [...Array.from({ length: validatorCount }, (_, index) => index), ...twins];
    this.#instances = indexes.map((index, instance) => new Validator(this, instance, index, new Disk(this.#genesis)));
    this.#skewsMs = indexes.map(() => simulation.prng.integer(-skewMsMax, skewMsMax));
    this.#network = new Network(simulation, schedule, indexes);
    for (const [index, behaviours] of adversaries) this.#adversaries.set(index, this.#createAdversary(index, behaviours));
  }

  start(): void {
    for (const instance of this.#instances) instance.start();
    for (const step of this.#schedule.steps) this.#simulation.after(step.atMs, () => this.#take(step));
  }

  /** Ends all faults of the network and of the processes, not those of the adversaries. */
  heal(): void {
    this.#isHealed = true;
    this.#network.becomeReliable();
    this.note(null, () => 'heals');
    for (const instance of this.#instances) instance.start();
    for (const instance of this.#instances) this.greet(instance);
  }

  counts(): Counts {
    return { ...this.#counts };
  }

  /** Null when all that is owed is ordered and executed everywhere and the mesh is silent again; otherwise what is not. */
  unsettled(): string | null {
    const honest = this.#instances.filter((instance) => this.#isHonest(instance));
    for (const { index, core, disk } of honest) {
      const ordered = new Set(disk.committed.flatMap(({ block }) => block.block.batches.map(hex)));
      const lost = this.#owed.find((digest) => !ordered.has(hex(digest)));
      if (lost !== undefined) return `validator ${index} has not ordered ${hex(lost).slice(0, 8)}`;
      const status = core?.status();
      if (status?.quiescent !== true) return `validator ${index} is not quiescent in round ${status?.round ?? 0}`;
    }
    return null;
  }

  createCore(instance: Validator): Consensus {
    const { meshId } = this.#genesis.block;
    const timeouts = { roundTimeoutMsBase: ROUND_TIMEOUT_MS_BASE, roundTimeoutMsMax: ROUND_TIMEOUT_MS_MAX };
    const validators = plantedSet(this.#plant, this.validators);
    return createConsensus(
      { meshId, epoch: 0, validators, self: instance.index, genesis: this.#genesis, ...timeouts },
      { verify: plantedVerify(this.#plant, this.#signatures.verify) },
      plantedRestore(this.#plant, instance.disk.restore()),
    );
  }

  send(from: Validator, to: number | 'all', message: ConsensusMessage): void {
    const targets = to === 'all' ? this.#others(from.index) : [to];
    const adversary = this.#adversaries.get(from.index);
    if (adversary !== undefined) return adversary.outgoing(targets, message);
    for (const target of targets) this.#deliver(from, target, message);
  }

  /**
   * Asks the candidates one after the other until one answers, the one that was not asked for longest first, as a validator does;
   * `answer` runs at the peer and gives what to do with its answer.
   */
  request(from: Validator, candidates: readonly number[], answer: (peer: Validator) => (() => void) | null): void {
    const peers = this.#instances.filter(({ index, instance }) => instance !== from.instance && candidates.includes(index));
    const askedAt = (peer: Validator): number => this.#askedAt.get(`${from.instance}>${peer.instance}`) ?? 0;
    const queue = this.#simulation.prng.shuffle(peers).toSorted((one, other) => askedAt(one) - askedAt(other));
    this.#ask(from, queue, answer);
  }

  #ask(from: Validator, queue: Validator[], answer: (peer: Validator) => (() => void) | null): void {
    const peer = queue.shift();
    if (peer === undefined) return;
    this.#askedAt.set(`${from.instance}>${peer.instance}`, ++this.#asks);
    this.#network.transmit(from.instance, peer.instance, () => {
      const reply = peer.core === null ? null : answer(peer);
      this.#network.transmit(peer.instance, from.instance, () => {
        if (from.core === null) return;
        if (reply === null) this.#ask(from, queue, answer);
        else reply();
      });
    });
  }

  servedChain(peer: Validator, blockId: Uint8Array, afterHeight: number): readonly Block[] {
    const chain = peer.chainTo(blockId, afterHeight);
    return this.#adversaries.get(peer.index)?.served(blockId, chain) ?? chain;
  }

  servesBatches(peer: Validator): boolean {
    return this.#adversaries.get(peer.index)?.has('withheld-batches') !== true;
  }

  /** Sessions to and from the instance are up: both sides tell their cores. */
  greet(instance: Validator): void {
    for (const peer of this.#instances) {
      if (peer.index === instance.index) continue;
      instance.handle({ kind: 'connected', peer: peer.index });
      peer.handle({ kind: 'connected', peer: instance.index });
    }
  }

  crash(instance: Validator): void {
    const { prng } = this.#simulation;
    this.#down(instance, prng.integer(1, prng.pick([RESTART_MS_QUICK, RESTART_MS_MAX])));
  }

  crashesAtWrite(): boolean {
    return !this.#isHealed && this.#simulation.prng.chance(this.#schedule.crashChance);
  }

  isLateCrash(): boolean {
    return this.#simulation.prng.chance(0.5);
  }

  writeMs(): number {
    return this.#simulation.prng.fraction() * WRITE_MS_MAX;
  }

  signMs(): number {
    return this.#simulation.prng.fraction() * SIGN_MS_MAX;
  }

  sign(instance: Validator, message: Uint8Array): Signature {
    return this.#signatures.sign(instance.index, message);
  }

  clockOf(instance: Validator): number {
    return EPOCH_MS + 1 + Math.floor(this.#simulation.nowMs) + (this.#skewsMs[instance.instance] as number) + SKEW_MS_MAX;
  }

  after(delayMs: number, action: () => void): void {
    this.#simulation.after(delayMs, action);
  }

  note(instance: Validator | null, words: () => string): void {
    this.#simulation.note(() =>
      instance === null ? words() : `v${instance.index}${instance.instance === instance.index ? '' : "'"} ${words()}`,
    );
  }

  violate(words: string): void {
    this.#simulation.violate(words);
  }

  checkSignature(instance: Validator, request: SignRequest): void {
    this.note(instance, () => `signs ${request.kind}`);
    if (this.#isHonest(instance)) this.checker.sign(instance.index, request, instance.disk.safety);
  }

  checkCommit(instance: Validator, block: ChainBlock, committedHeight: number): void {
    this.note(instance, () => `commits ${block.height} ${hex(block.id).slice(0, 8)} of round ${block.block.round}`);
    if (!this.#isHonest(instance)) return;
    const honest = this.#instances.filter((other) => this.#isHonest(other));
    this.checker.commit(
      instance.index,
      block,
      committedHeight,
      (digest) => honest.filter(({ disk }) => disk.batches.has(hex(digest))).length,
    );
  }

  check(instance: Validator, effect: Extract<ConsensusEffect, { kind: 'evidence' | 'alarm' | 'rejected' | 'stalled' }>): void {
    if (effect.kind === 'stalled') this.#counts.stalls++;
    if (effect.kind === 'rejected') this.#counts.rejections++;
    if (effect.kind === 'evidence') this.#counts.evidence++;
    this.note(instance, () => (effect.kind === 'rejected' ? `rejects ${effect.from}: ${effect.code} ${effect.reason}` : effect.kind));
    if (!this.#isHonest(instance)) return;
    if (effect.kind === 'evidence') this.checker.evidence(effect.evidence);
    else if (effect.kind === 'alarm') this.checker.alarm(instance.index, effect);
    else if (effect.kind === 'rejected') this.checker.rejected(instance.index, effect);
  }

  #take(step: Step): void {
    switch (step.kind) {
      case 'submit':
        return this.#submit(step.validator);
      case 'crash':
        return this.#down(this.#instances[step.validator] as Validator, step.downMs);
      case 'blackout':
        return this.#instances.forEach((instance) => this.#down(instance, step.downMs));
      case 'partition':
        this.note(null, () => `partition: ${step.shape}`);
        return this.#isHealed ? undefined : this.#network.partition(step.shape);
      case 'heal':
        this.note(null, () => 'partition heals');
        return this.#network.heal();
    }
  }

  #down(instance: Validator, downMs: number): void {
    this.#counts.crashes++;
    instance.crash();
    this.after(downMs, () => instance.start());
  }

  /** A client gives a batch to a validator, which stores it and pushes it to the others. */
  #submit(validator: number): void {
    const instance = this.#instances[validator] as Validator;
    if (instance.core === null) return;
    const digest = hashLabelled('hypermesh/simulated-batch/1', Buffer.from(`${this.#schedule.seed}:${this.#digestCount++}`));
    this.note(instance, () => `is given ${hex(digest).slice(0, 8)}`);
    this.checker.submit(digest);
    // A client is told that its batch is taken when it is durable; here it is from the start.
    instance.disk.batches.set(hex(digest), digest);
    if (this.#isHonest(instance)) this.#owed.push(digest);
    instance.store([digest]);
    for (const peer of this.#instances) {
      if (peer.index !== instance.index)
        this.#network.transmit(instance.instance, peer.instance, () => void (peer.core !== null && peer.store([digest])));
    }
  }

  #deliver(from: Pick<Validator, 'index' | 'instance'>, to: number, message: ConsensusMessage): void {
    this.#counts.messages++;
    const arriving = this.#schedule.isEncoded ? decode(consensusMessageCodec, encode(consensusMessageCodec, message)) : message;
    for (const peer of this.#instances) {
      if (peer.index !== to) continue;
      this.#network.transmit(
        from.instance,
        peer.instance,
        () => {
          if (peer.core !== null) this.#adversaries.get(to)?.incoming(arriving);
          peer.handle({ kind: 'message', from: from.index, message: arriving });
        },
        message.kind === 'proposal',
      );
    }
  }

  #createAdversary(index: number, behaviours: ConstructorParameters<typeof Adversary>[0]['behaviours']): Adversary {
    return new Adversary({
      index,
      behaviours,
      validators: this.validators,
      genesisRoot: this.#genesis.block.rootOfRoots,
      prng: new Prng(this.#schedule.seed + index + 1),
      sign: (message) => this.#signatures.sign(index, message),
      send: (to, message) => this.#deliver({ index, instance: index }, to, message),
    });
  }

  #others(index: number): number[] {
    return Array.from({ length: this.validators.size }, (_, other) => other).filter((other) => other !== index);
  }

  #isHonest({ index }: Validator): boolean {
    return !this.#schedule.adversaries.has(index);
  }
}

// Any time; clocks of the simulation start a little later, so that none is before genesis.
const EPOCH_MS = 1_700_000_000_000;
const SKEW_MS_MAX = 1_000;
const ROUND_TIMEOUT_MS_BASE = 400;
const ROUND_TIMEOUT_MS_MAX = 3_000;
const RESTART_MS_QUICK = 30;
const RESTART_MS_MAX = 1_500;
const WRITE_MS_MAX = 3;
const SIGN_MS_MAX = 8;
