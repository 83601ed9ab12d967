import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { devnetError } from '../errors.ts';
import { type DaemonProcess, startDaemon } from '../process/daemon-process.ts';
import { lockDirectory } from './directory-lock.ts';
import { awaitEarlierDaemons } from './earlier-daemons.ts';
import { configFileOf, DAEMONS, homeOf, logFileOf, type PlacedDaemon, TRUSTCHAIND, USER, VALIDATORS } from './layout.ts';

// A daemon that has not ended by then is killed: its state is durable at every step.
const STOP_GRACE_MS = 10_000;

export interface LocalMeshOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
  /** A daemon ended although nobody asked it to. */
  readonly onLost: (name: string) => void;
}

/** Eight daemons of one mesh on this machine, each in a process of its own. */
export interface LocalMesh {
  readonly directory: string;
  /** Home of the first user. */
  readonly userHome: string;
  /** Throws `devnet.not_running` for a daemon that does not run. */
  daemon(name: string): DaemonProcess;
  running(): readonly DaemonProcess[];
  /** Ends one daemon at once, as a power cut would. */
  kill(name: string): Promise<void>;
  /** Starts a daemon that has ended. */
  start(name: string): Promise<DaemonProcess>;
  /** Ends all daemons, the last started first; idempotent. */
  stop(): Promise<void>;
}

/** Starts the mesh of a directory that `createLocalMesh` has made. Whatever had started is stopped when one fails. */
export async function startLocalMesh(directory: string, options: LocalMeshOptions): Promise<LocalMesh> {
  if (!existsSync(join(directory, 'genesis.bin'))) throw devnetError('devnet.directory_used', { directory, reason: 'holds no mesh' });
  const mesh = new ProcessMesh(directory, options, await lockDirectory(directory));
  try {
    await mesh.startAll();
    return mesh;
  } catch (error) {
    await mesh.stop();
    throw error;
  }
}

class ProcessMesh implements LocalMesh {
  readonly directory: string;
  readonly userHome: string;
  readonly #options: LocalMeshOptions;
  readonly #lock: Disposable;
  readonly #daemons = new Map<string, DaemonProcess>();
  /** Daemons whose end was asked for. */
  readonly #ending = new Set<DaemonProcess>();
  #stopped = false;

  constructor(directory: string, options: LocalMeshOptions, lock: Disposable) {
    this.directory = directory;
    this.userHome = homeOf(directory, USER);
    this.#options = options;
    this.#lock = lock;
  }

  /** The authority first, validators together since a quorum of them is needed by each, then those who follow. */
  async startAll(): Promise<void> {
    await awaitEarlierDaemons(this.directory, {
      signal: this.#options.signal,
      onWait: () => this.#options.onProgress('waiting for daemons of this mesh that a killed process has left'),
    });
    const others = DAEMONS.map(({ name }) => name).filter((name) => name !== TRUSTCHAIND && !VALIDATORS.includes(name));
    for (const names of [[TRUSTCHAIND], VALIDATORS, others]) {
      this.#options.onProgress(`starting ${names.join(', ')}`);
      const outcomes = await Promise.allSettled(names.map((name) => this.start(name)));
      const failure = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failure !== undefined) throw failure.reason;
    }
  }

  daemon(name: string): DaemonProcess {
    const daemon = this.#daemons.get(name);
    if (daemon === undefined) throw devnetError('devnet.not_running', { daemon: name });
    return daemon;
  }

  running(): readonly DaemonProcess[] {
    return [...this.#daemons.values()];
  }

  async kill(name: string): Promise<void> {
    const daemon = this.daemon(name);
    this.#ending.add(daemon);
    daemon.kill('SIGKILL');
    await daemon.ended;
  }

  async start(name: string): Promise<DaemonProcess> {
    const { kind } = DAEMONS.find((placed) => placed.name === name) as PlacedDaemon;
    const { directory } = this;
    const daemon = await startDaemon(
      { kind, name, configFile: configFileOf(directory, name), logFile: logFileOf(directory, name) },
      this.#options.signal,
    );
    this.#daemons.set(name, daemon);
    void daemon.ended.then(() => {
      if (this.#daemons.get(name) === daemon) this.#daemons.delete(name);
      if (!this.#stopped && !this.#ending.has(daemon)) this.#options.onLost(name);
    });
    return daemon;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const order = DAEMONS.map(({ name }) => name).toReversed();
    const groups = [order.filter((name) => !VALIDATORS.includes(name) && name !== TRUSTCHAIND), VALIDATORS, [TRUSTCHAIND]];
    for (const names of groups) {
      const daemons = names.map((name) => this.#daemons.get(name)).filter((daemon) => daemon !== undefined);
      await Promise.all(daemons.map((daemon) => daemon.stop({ graceMs: STOP_GRACE_MS })));
    }
    this.#lock[Symbol.dispose]();
  }
}
