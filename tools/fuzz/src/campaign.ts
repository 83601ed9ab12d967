import { stat } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { type DaemonKind, type DaemonProcess, openTemporaryDirectory, type RunningMesh, startMesh, type User } from '@hypermesh/devnet';
import { createQuicCarrier, type IdentityKind, pause, systemClock, systemEntropy } from '@hypermesh/stoq';
import { encodeGenesis } from '@hypermesh/trustchain';
import { Prng } from '@hypermesh/testkit';
import { attack } from './attack.ts';
import { allContracts, isServed, targetsOf } from './contracts.ts';
import { type Health, orderOne, readAgreement, readHealth } from './health.ts';
import { openAttackers } from './identities.ts';
import type { Front } from './judge.ts';
import { type LiveMemory, liveMemory, liveMiB, withLiveMemory } from './live-memory.ts';
import type { Vocabulary } from './sample.ts';
import { alarmingLines, type MemoryReport, memoryReport, residentMiB } from './sampler.ts';
import { Tally } from './tally.ts';

export interface CampaignOptions {
  readonly seed: number;
  /** Under attack, and not judged by memory: the young generation and the allocator's arenas grow to what the attack needs. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

export interface DaemonReport {
  readonly name: string;
  /** Resident, garbage included. */
  readonly memory: MemoryReport;
  /** After collections in the warm-up and at the end; null when it did not. */
  readonly live: LiveMemory | null;
  readonly alarms: readonly string[];
}

export interface CampaignReport {
  readonly ok: boolean;
  readonly seed: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly calls: number;
  readonly values: number;
  readonly errors: number;
  readonly ended: number;
  readonly sharedStreams: number;
  readonly handshakes: { readonly attempted: number; readonly refused: number };
  readonly garbage: { readonly connections: number; readonly sessions: number };
  readonly methods: Readonly<Record<string, { readonly calls: number; readonly values: number; readonly errors: number }>>;
  readonly codes: Readonly<Record<string, number>>;
  readonly daemons: readonly DaemonReport[];
  readonly height: { readonly before: number; readonly after: number };
  readonly violations: readonly string[];
}

const SAMPLE_MS = 500;
const PROGRESS_SAMPLES = 20;
// What the last collections take: the attack goes on meanwhile, as during the first. They make resident memory shrink, which is no
// longer sampled then.
const LAST_COLLECTION_MS = 6_000;
const LAST_COLLECTION_SHARE_MAX = 0.25;

/**
 * Boots a local mesh, attacks every daemon under every identity that there is, and judges what is left of it. The folder of a mesh
 * on which something was violated or failed is kept to be looked at.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const { signal, onProgress } = options;
  await using folder = await openTemporaryDirectory('hypermesh-fuzz-');
  let isSound = false;
  try {
    const report = await runIn(folder.path, options);
    isSound = report.ok;
    return report;
  } finally {
    if (!isSound && !signal.aborted) {
      folder.keep();
      onProgress(`state and logs are in ${folder.path}`);
    }
  }
}

async function runIn(directory: string, options: CampaignOptions): Promise<CampaignReport> {
  const { seed, seconds, warmUpSeconds, signal, onProgress } = options;
  const tally = new Tally();
  const onLost = (name: string): void => tally.violate(`${name} has ended`);
  await using collected = await openTemporaryDirectory('hypermesh-fuzz-live-');
  await using running = await withLiveMemory(collected.path, () => startMesh({ directory, signal, onProgress, onLost }));
  const { mesh, user } = running;
  const before = { health: await readHealth(user, signal), height: await orderOne(user, signal) };
  const watches = await Promise.all(mesh.running().map((daemon) => DaemonWatch.start(daemon, collected.path)));
  onProgress(`attacking for ${warmUpSeconds} + ${seconds} s, seed ${seed}`);
  await attackAll(running, watches, { ...options, tally });
  onProgress('asking what is left');
  const height = await judge(user, before, tally, signal);
  const daemons = await Promise.all(watches.map((watch) => watch.report()));
  for (const { name, memory, live, alarms } of daemons) {
    if (live === null) tally.violate(`what ${name} holds is not known: it did not collect its garbage twice`);
    else if (!live.flat) tally.violate(`what ${name} holds grew from ${live.firstMiB} to ${live.lastMiB} MiB`);
    if (!memory.flat) tally.violate(`${name} grew from ${memory.beginningMiB} to ${memory.endMiB} MiB`);
    for (const line of alarms) tally.violate(`${name} logged: ${line}`);
  }
  const { calls, values, errors, ended, violations, handshakes, handshakesRefused, garbageConnections, garbageSessions } = tally;
  return {
    ok: violations.length === 0,
    seed,
    warmUpSeconds,
    seconds,
    calls,
    values,
    errors,
    ended,
    sharedStreams: tally.sharedStreams,
    handshakes: { attempted: handshakes, refused: handshakesRefused },
    garbage: { connections: garbageConnections, sessions: garbageSessions },
    methods: Object.fromEntries([...tally.methods].toSorted(([left], [right]) => (left < right ? -1 : 1))),
    codes: Object.fromEntries([...tally.codes].toSorted(([, left], [, right]) => right - left)),
    daemons,
    height: { before: before.height, after: height },
    violations,
  };
}

async function attackAll(
  { mesh, user }: RunningMesh,
  watches: readonly DaemonWatch[],
  { seed, seconds, warmUpSeconds, signal, onProgress, tally }: CampaignOptions & { readonly tally: Tally },
): Promise<void> {
  const targets = allContracts().flatMap(targetsOf);
  const vocabulary = vocabularyOf(user);
  const carrier = createQuicCarrier();
  const ending = AbortSignal.any([signal, AbortSignal.timeout((warmUpSeconds + seconds) * 1_000)]);
  const { crypto, member } = user;
  const attackers = Object.values(await openAttackers(mesh, user));
  const fronts = mesh.running().flatMap((daemon) => attackers.map((identity) => frontOf(daemon, identity)));
  const common = { carrier, targets, vocabulary, tally, crypto, signal: ending, verifier: member.verifier };
  const attacks = fronts.map((front, index) =>
    attack(front, { ...common, clock: systemClock, entropy: systemEntropy, prng: new Prng(seed * fronts.length + index) }),
  );
  const sampling = sampleUntil(ending, warmUpSeconds * 1_000, watches, () =>
    onProgress(`${tally.calls} calls, ${tally.violations.length} violations`),
  );
  const collecting = collectTwice({ warmUpSeconds, seconds, signal }, watches);
  await Promise.all([...attacks, sampling, collecting]);
  await carrier.close();
  for (const { method } of targets) {
    const isAnywhere = mesh.running().some(({ spec }) => isServed(method, spec.kind));
    if (isAnywhere && !tally.methods.has(method)) tally.violate(`${method} was never called`);
  }
}

function frontOf({ spec, addresses }: DaemonProcess, identity: Front['identity']): Front {
  const listening = addresses['stoq'] ?? addresses['listen'] ?? Object.values(addresses)[0];
  const address = (typeof listening === 'string' ? listening : listening?.[0]) as string;
  return { daemon: spec.name, kind: spec.kind, address, expect: expectedOf(spec.kind), identity };
}

function expectedOf(kind: DaemonKind): IdentityKind {
  return kind === 'trustchaind' || kind === 'hypermeshd' ? 'set-entry' : 'bundle';
}

function vocabularyOf({ member, account }: User): Vocabulary {
  const { genesis } = member;
  const ids = genesis.validators.map(({ nodeId }) => nodeId);
  return {
    bytes: [member.meshId, member.nodeId, member.bundle(), encodeGenesis(genesis), account.owner, ...ids],
    texts: ['catalog', 'caesar', 'mesh', 'member', 'node', 'app', 'account', ...genesis.validators.map(({ name }) => name)],
  };
}

/** The mesh still orders, agrees, and answers what it answered before. */
async function judge(
  user: User,
  before: { readonly health: Health; readonly height: number },
  tally: Tally,
  signal: AbortSignal,
): Promise<number> {
  try {
    const height = await orderOne(user, signal);
    if (height <= before.height) tally.violate(`a transaction was ordered at height ${height}, not above ${before.height}`);
    const { roots } = await readAgreement(user, signal);
    if (roots.length !== 1) tally.violate(`validators disagree: ${roots.join(', ')}`);
    const health = await readHealth(user, signal);
    if (JSON.stringify(health) !== JSON.stringify(before.health)) {
      tally.violate(`answers changed from ${JSON.stringify(before.health)} to ${JSON.stringify(health)}`);
    }
    return height;
  } catch (error) {
    tally.violate(`the mesh does not answer any more: ${String(error)}`);
    return before.height;
  }
}

async function sampleUntil(signal: AbortSignal, warmUpMs: number, watches: readonly DaemonWatch[], onProgress: () => void): Promise<void> {
  const begin = performance.now() + warmUpMs;
  for (let samples = 1; !signal.aborted; samples++) {
    if (performance.now() >= begin) await Promise.all(watches.map((watch) => watch.sample()));
    if (samples % PROGRESS_SAMPLES === 0) onProgress();
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
  }
}

/** Half-way through the warm-up, because it makes the resident memory shrink, and before the end. */
async function collectTwice(
  { seconds, warmUpSeconds, signal }: Pick<CampaignOptions, 'seconds' | 'warmUpSeconds' | 'signal'>,
  watches: readonly DaemonWatch[],
): Promise<void> {
  const begin = performance.now();
  const until = (ms: number): Promise<void> => pause(systemClock, Math.max(0, begin + ms - performance.now()), signal);
  await until(warmUpSeconds * 500);
  await Promise.all(watches.map((watch) => watch.collect(signal)));
  await until((warmUpSeconds + seconds) * 1_000 - Math.min(LAST_COLLECTION_MS, seconds * 1_000 * LAST_COLLECTION_SHARE_MAX));
  for (const watch of watches) watch.endSampling();
  await Promise.all(watches.map((watch) => watch.collect(signal)));
}

/** Memory and log of one daemon from now on. */
class DaemonWatch {
  readonly #daemon: DaemonProcess;
  readonly #logOffset: number;
  /** Where the daemon writes what it holds. */
  readonly #collected: string;
  readonly #samples: number[] = [];
  readonly #live: number[] = [];
  #isSampling = true;

  private constructor(daemon: DaemonProcess, collected: string, logOffset: number) {
    this.#daemon = daemon;
    this.#collected = collected;
    this.#logOffset = logOffset;
  }

  static async start(daemon: DaemonProcess, collected: string): Promise<DaemonWatch> {
    return new DaemonWatch(daemon, collected, (await stat(daemon.spec.logFile)).size);
  }

  async collect(signal: AbortSignal): Promise<void> {
    // What is missing is a violation of its own.
    const collected = await liveMiB(this.#collected, this.#daemon.pid, signal).catch(() => undefined);
    if (collected !== undefined) this.#live.push(collected);
  }

  endSampling(): void {
    this.#isSampling = false;
  }

  async sample(): Promise<void> {
    if (!this.#isSampling) return;
    // A daemon that is gone is reported by the mesh.
    const sampled = await residentMiB(this.#daemon.pid).catch(() => undefined);
    if (sampled !== undefined) this.#samples.push(sampled);
  }

  async report(): Promise<DaemonReport> {
    const { name, logFile } = this.#daemon.spec;
    const [first, last] = this.#live;
    return {
      name,
      memory: memoryReport(this.#samples),
      live: first === undefined || last === undefined ? null : liveMemory(first, last),
      alarms: await alarmingLines(logFile, this.#logOffset),
    };
  }
}
