import type { OutputLines } from './output-lines.ts';

/** How strong the wall between guests is; reported, never assumed. */
export type Isolation = 'sandbox' | 'container' | 'none';

export interface DriverCapabilities {
  readonly name: 'wasm' | 'oci' | 'process';
  readonly isolation: Isolation;
  readonly packageKinds: readonly string[];
  /** What is really enforced here. */
  readonly enforces: {
    readonly memory: boolean;
    readonly pids: boolean;
    readonly cpu: boolean;
    readonly fuel: boolean;
    readonly wallClock: boolean;
  };
}

/** Why a driver can or cannot run here, for the summary and `status`. */
export type DriverStatus =
  | { readonly available: true; readonly capabilities: DriverCapabilities }
  | { readonly available: false; readonly reason: string };

export interface WorkloadSpec {
  /** Placement id, unique in the mesh; also the name of the workload. */
  readonly id: string;
  /** Lease number under which it runs; placement id and lease number are the fencing token. */
  readonly lease: number;
  /** Directory with the verified, unpacked package. Read only. */
  readonly packageDirectory: string;
  /** Path inside the package of the module or root file system. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly limits: WorkloadLimits;
  /** Directory that the driver owns for this workload: sockets, logs, bundle. */
  readonly stateDirectory: string;
}

export interface WorkloadLimits {
  readonly memoryBytesMax: number;
  readonly pidsMax: number;
  /** CPU in thousandths of one core. */
  readonly cpuMillis: number;
  /** Instructions of one request; WASM only. */
  readonly fuelPerRequest: bigint;
  /** Wall-clock time of one request, milliseconds. */
  readonly requestMsMax: number;
}

export interface WorkloadRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface WorkloadResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export type WorkloadState =
  | { readonly state: 'running' }
  | {
      readonly state: 'exited';
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly reason: 'exit' | 'stopped' | 'out-of-memory' | 'limit';
    };

export interface StartOptions {
  readonly signal: AbortSignal;
  /**
   * Called once with the process ids of the workload, as soon as they are known. A driver that runs nothing of the package before
   * `start` resolves need not call it.
   */
  readonly spawned?: (pids: readonly number[]) => void;
  /** Where its lines go, those of a start that fails as well; by default kept by the workload. */
  readonly output?: OutputLines;
}

/** Runs workloads of some package kinds. Every implementation passes the exported compliance suite. */
export interface RuntimeDriver {
  readonly name: 'wasm' | 'oci' | 'process';
  status(): Promise<DriverStatus>;
  /** Resolves when the workload accepts requests; ends what it started and throws `hypermesh.workload_failed` when the signal aborts before. */
  start(spec: WorkloadSpec, options: StartOptions): Promise<Workload>;
  /** Ends whatever a killed agent left behind under the directory. */
  reclaim(stateDirectory: string): Promise<void>;
}

export interface Workload {
  readonly id: string;
  /** Process ids on this machine that belong to the workload, for the watchdog. */
  readonly pids: readonly number[];
  /** One HTTP exchange; throws `hypermesh.workload_timeout`, `hypermesh.workload_limit`, `hypermesh.workload_failed`. */
  handle(request: WorkloadRequest, options: { signal: AbortSignal }): Promise<WorkloadResponse>;
  /** The last lines of standard output and error, oldest first. */
  logs(linesMax: number): readonly string[];
  state(): WorkloadState;
  /** Settles when the workload has ended; never rejects. */
  readonly ended: Promise<WorkloadState>;
  /** Asks, then kills after `graceMs`. */
  stop(options: { graceMs: number }): Promise<void>;
}
