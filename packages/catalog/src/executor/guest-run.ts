import { FUEL_EXPORT } from '../metering/limits.ts';
import { parseCgiResponse } from './cgi.ts';
import { createWasiRun, GuestExit, WASI_MODULE, type WasiRun } from './wasi-host.ts';

/** One run of a guest: a command with standard input and an environment. */
export interface GuestInput {
  readonly env: readonly string[];
  readonly args: readonly string[];
  readonly body: Uint8Array;
  readonly fuel: bigint;
}

export type GuestLimit = 'fuel' | 'memory' | 'output';

export interface GuestReport {
  readonly fuelUsed: bigint;
  readonly memoryBytes: number;
  /** Lines that the guest wrote to standard error. */
  readonly errors: string;
  /** Names of refused host calls with their count. */
  readonly denied: Readonly<Record<string, number>>;
}

export type GuestResult = GuestReport &
  (
    | {
        readonly outcome: 'response';
        readonly status: number;
        readonly headers: Readonly<Record<string, string>>;
        readonly body: Uint8Array;
      }
    | { readonly outcome: 'limit'; readonly limit: GuestLimit }
    | { readonly outcome: 'failed'; readonly reason: string }
  );

// The largest answer of one request; larger data belongs into blobs.
export const OUTPUT_BYTES_MAX: number = 8 * 1024 * 1024;

// Standard error of one request, kept for the log.
export const ERROR_BYTES_MAX: number = 64 * 1024;

export interface GuestHost {
  now(): bigint;
  monotonic(): bigint;
  fillRandom(target: Uint8Array): void;
}

/** Instantiates the metered module, runs `_start` to its end and reads the answer from standard output. Synchronous. */
export function runGuest(module: WebAssembly.Module, input: GuestInput, host: GuestHost): GuestResult {
  let fuel: WebAssembly.Global | undefined;
  const wasi = createWasiRun({
    ...host,
    args: input.args,
    env: input.env,
    input: input.body,
    outputBytesMax: OUTPUT_BYTES_MAX,
    errorBytesMax: ERROR_BYTES_MAX,
    charge: (amount) => chargeHost(fuel, amount),
  });
  let memory: WebAssembly.Memory | undefined;
  let failure: unknown;
  try {
    const { exports } = new WebAssembly.Instance(module, { [WASI_MODULE]: wasi.imports });
    memory = exports.memory as WebAssembly.Memory;
    fuel = exports[FUEL_EXPORT] as WebAssembly.Global;
    fuel.value = input.fuel;
    wasi.attach(memory);
    (exports._start as () => void)();
  } catch (error) {
    failure = error;
  }
  return resultOf(wasi, { failure, fuel, memory, granted: input.fuel });
}

function chargeHost(fuel: WebAssembly.Global | undefined, amount: number): void {
  if (fuel === undefined) return;
  fuel.value = (fuel.value as bigint) - BigInt(Math.ceil(amount));
  if ((fuel.value as bigint) < 0n) throw new WebAssembly.RuntimeError('fuel');
}

interface Ending {
  readonly failure: unknown;
  readonly fuel: WebAssembly.Global | undefined;
  readonly memory: WebAssembly.Memory | undefined;
  readonly granted: bigint;
}

function resultOf(wasi: WasiRun, ending: Ending): GuestResult {
  const left = (ending.fuel?.value as bigint | undefined) ?? ending.granted;
  const report: GuestReport = {
    fuelUsed: ending.granted - (left < 0n ? 0n : left),
    memoryBytes: ending.memory?.buffer.byteLength ?? 0,
    errors: new TextDecoder().decode(wasi.errors()),
    denied: wasi.denied(),
  };
  if (left < 0n) return { ...report, outcome: 'limit', limit: 'fuel' };
  const { failure, memory } = ending;
  const exited = failure === undefined || (failure instanceof GuestExit && failure.code === 0);
  if (!exited) {
    if (memory !== undefined && isFull(memory)) return { ...report, outcome: 'limit', limit: 'memory' };
    return { ...report, outcome: 'failed', reason: reasonOf(failure) };
  }
  if (wasi.outputExceeded()) return { ...report, outcome: 'limit', limit: 'output' };
  const response = parseCgiResponse(wasi.output());
  if (response !== undefined) return { ...report, outcome: 'response', ...response };
  return { ...report, outcome: 'failed', reason: 'no CGI answer on standard output' };
}

/** Whether the engine refuses one more page. */
function isFull(memory: WebAssembly.Memory): boolean {
  try {
    memory.grow(1);
    return false;
  } catch {
    return true;
  }
}

function reasonOf(failure: unknown): string {
  if (failure instanceof GuestExit) return `exit code ${failure.code}`;
  if (failure instanceof WebAssembly.RuntimeError) return `trap: ${failure.message}`;
  return failure instanceof Error ? failure.message : 'unknown';
}
