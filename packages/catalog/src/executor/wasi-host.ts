/**
 * An own host for WASI preview 1 (wasi_snapshot_preview1 of the WebAssembly WASI repository). It grants standard input,
 * output and error, the arguments and environment it was given, clocks and random bytes. There are no preopened directories,
 * so no path leads anywhere; every refused call is counted by name and reported with the run.
 */
export interface WasiGrants {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly input: Uint8Array;
  /** Bytes that may be written to standard output; further writes fail with EFBIG. */
  readonly outputBytesMax: number;
  readonly errorBytesMax: number;
  /** Nanoseconds since the epoch, and of a monotonic clock. */
  now(): bigint;
  monotonic(): bigint;
  fillRandom(target: Uint8Array): void;
  /** Takes fuel for work of the host; throws when it is used up. */
  charge(fuel: number): void;
}

export interface WasiRun {
  readonly imports: WebAssembly.ModuleImports;
  /** Must be called before `_start`. */
  attach(memory: WebAssembly.Memory): void;
  output(): Uint8Array;
  /** Whether the guest tried to write more than `outputBytesMax` to standard output. */
  outputExceeded(): boolean;
  errors(): Uint8Array;
  /** Names of refused calls with their count. */
  denied(): Readonly<Record<string, number>>;
}

export const WASI_MODULE: string = 'wasi_snapshot_preview1';

/** Thrown through the guest by `proc_exit`. */
export class GuestExit {
  readonly code: number;
  constructor(code: number) {
    this.code = code;
  }
}

const ERRNO = { success: 0, badf: 8, fault: 21, fbig: 22, inval: 28, spipe: 70, nosys: 52, notcapable: 76 } as const;

const NO_MEMORY = new ArrayBuffer(0);

// Descriptors of a guest: standard input, output, error and nothing else.
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

const FILETYPE_CHARACTER_DEVICE = 2;
const RIGHT_FD_READ = 2n;
const RIGHT_FD_WRITE = 64n;

// A call costs as much as some hundred instructions; data as much as copying it inside the guest.
const FUEL_PER_CALL = 100;
const BYTES_PER_FUEL = 16;

// `iovec` entries of one call; real guests use fewer than ten.
const VECTORS_MAX = 1_024;

// Random bytes of one call, as getentropy-style interfaces bound it.
const RANDOM_BYTES_MAX = 65_536;

const DENIED = [
  'fd_advise',
  'fd_allocate',
  'fd_datasync',
  'fd_fdstat_set_flags',
  'fd_fdstat_set_rights',
  'fd_filestat_get',
  'fd_filestat_set_size',
  'fd_filestat_set_times',
  'fd_pread',
  'fd_pwrite',
  'fd_readdir',
  'fd_renumber',
  'fd_sync',
  'fd_tell',
  'path_create_directory',
  'path_filestat_get',
  'path_filestat_set_times',
  'path_link',
  'path_open',
  'path_readlink',
  'path_remove_directory',
  'path_rename',
  'path_symlink',
  'path_unlink_file',
  'sock_accept',
  'sock_recv',
  'sock_send',
  'sock_shutdown',
  'proc_raise',
  'poll_oneoff',
] as const;

const OFFERED = [
  'args_get',
  'args_sizes_get',
  'environ_get',
  'environ_sizes_get',
  'clock_res_get',
  'clock_time_get',
  'fd_close',
  'fd_fdstat_get',
  'fd_prestat_get',
  'fd_prestat_dir_name',
  'fd_read',
  'fd_seek',
  'fd_write',
  'proc_exit',
  'random_get',
  'sched_yield',
] as const;

/** Every function a guest may import; the denied ones answer ENOTCAPABLE so that a library that links them still runs. */
export const WASI_FUNCTIONS: ReadonlySet<string> = new Set([...DENIED, ...OFFERED]);

export function createWasiRun(grants: WasiGrants): WasiRun {
  const memory = new GuestMemory();
  const output = new BoundedSink(grants.outputBytesMax);
  const errors = new BoundedSink(grants.errorBytesMax);
  const denied: Record<string, number> = {};
  const deny = (name: string) => (): number => {
    grants.charge(FUEL_PER_CALL);
    denied[name] = (denied[name] ?? 0) + 1;
    return ERRNO.notcapable;
  };
  const offered: Record<(typeof OFFERED)[number], (...parameters: never[]) => number> = {
    ...stringLists(memory, grants),
    ...clocksAndRandom(memory, grants),
    ...descriptors(memory, grants, output, errors),
    proc_exit(code: number): number {
      throw new GuestExit(code);
    },
    sched_yield: () => ERRNO.success,
  };
  const guarded = Object.entries(offered).map(([name, call]) => [name, guard(grants, call)] as const);
  return {
    imports: Object.fromEntries([...guarded, ...DENIED.map((name) => [name, deny(name)] as const)]) as WebAssembly.ModuleImports,
    attach: (guestMemory) => memory.attach(guestMemory),
    output: () => output.bytes(),
    outputExceeded: () => output.exceeded,
    errors: () => errors.bytes(),
    denied: () => denied,
  };
}

/** Charges the call, and turns an address outside the guest's memory into EFAULT. */
function guard(grants: WasiGrants, call: (...parameters: never[]) => number): (...parameters: never[]) => number {
  return (...parameters) => {
    grants.charge(FUEL_PER_CALL);
    try {
      return call(...parameters);
    } catch (error) {
      if (error instanceof RangeError) return ERRNO.fault;
      throw error;
    }
  };
}

function stringLists(
  memory: GuestMemory,
  grants: WasiGrants,
): Record<'args_get' | 'args_sizes_get' | 'environ_get' | 'environ_sizes_get', (...parameters: never[]) => number> {
  const encoder = new TextEncoder();
  const args = grants.args.map((text) => encoder.encode(`${text}\0`));
  const env = grants.env.map((text) => encoder.encode(`${text}\0`));
  const sizes =
    (list: readonly Uint8Array[]) =>
    (count: number, bytes: number): number => {
      memory.setUint32(count, list.length);
      memory.setUint32(
        bytes,
        list.reduce((sum, item) => sum + item.length, 0),
      );
      return ERRNO.success;
    };
  const get =
    (list: readonly Uint8Array[]) =>
    (pointers: number, buffer: number): number => {
      let at = buffer >>> 0;
      list.forEach((item, index) => {
        memory.setUint32((pointers >>> 0) + 4 * index, at);
        memory.write(at, item);
        at += item.length;
      });
      return ERRNO.success;
    };
  return { args_sizes_get: sizes(args), args_get: get(args), environ_sizes_get: sizes(env), environ_get: get(env) };
}

function clocksAndRandom(
  memory: GuestMemory,
  grants: WasiGrants,
): Record<'clock_res_get' | 'clock_time_get' | 'random_get', (...parameters: never[]) => number> {
  const REALTIME = 0;
  const MONOTONIC = 1;
  const RESOLUTION_NS = 1_000_000n;
  return {
    clock_res_get(clock: number, result: number): number {
      if (clock !== REALTIME && clock !== MONOTONIC) return ERRNO.inval;
      memory.setUint64(result, RESOLUTION_NS);
      return ERRNO.success;
    },
    clock_time_get(clock: number, _precision: bigint, result: number): number {
      if (clock !== REALTIME && clock !== MONOTONIC) return ERRNO.inval;
      memory.setUint64(result, clock === REALTIME ? grants.now() : grants.monotonic());
      return ERRNO.success;
    },
    random_get(buffer: number, length: number): number {
      if (length >>> 0 > RANDOM_BYTES_MAX) return ERRNO.inval;
      grants.charge((length >>> 0) / BYTES_PER_FUEL);
      grants.fillRandom(memory.view(buffer, length));
      return ERRNO.success;
    },
  };
}

type DescriptorCall = 'fd_read' | 'fd_write' | 'fd_close' | 'fd_seek' | 'fd_fdstat_get' | 'fd_prestat_get' | 'fd_prestat_dir_name';

function descriptors(
  memory: GuestMemory,
  grants: WasiGrants,
  output: BoundedSink,
  errors: BoundedSink,
): Record<DescriptorCall, (...parameters: never[]) => number> {
  let consumed = 0;
  const vectors = (pointer: number, count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, i) => memory.view(memory.getUint32(pointer + 8 * i), memory.getUint32(pointer + 8 * i + 4)));
  return {
    fd_read(fd: number, pointer: number, count: number, result: number): number {
      if (fd !== STDIN) return ERRNO.badf;
      if (count >>> 0 > VECTORS_MAX) return ERRNO.inval;
      let total = 0;
      for (const target of vectors(pointer, count)) {
        const piece = grants.input.subarray(consumed, consumed + target.length);
        target.set(piece);
        consumed += piece.length;
        total += piece.length;
      }
      grants.charge(total / BYTES_PER_FUEL);
      memory.setUint32(result, total);
      return ERRNO.success;
    },
    fd_write(fd: number, pointer: number, count: number, result: number): number {
      if (fd !== STDOUT && fd !== STDERR) return ERRNO.badf;
      if (count >>> 0 > VECTORS_MAX) return ERRNO.inval;
      const sink = fd === STDOUT ? output : errors;
      let total = 0;
      for (const source of vectors(pointer, count)) {
        grants.charge(source.length / BYTES_PER_FUEL);
        if (!sink.append(source)) return ERRNO.fbig;
        total += source.length;
      }
      memory.setUint32(result, total);
      return ERRNO.success;
    },
    fd_close: (fd: number): number => (fd >= STDIN && fd <= STDERR ? ERRNO.success : ERRNO.badf),
    fd_seek: (fd: number): number => (fd >= STDIN && fd <= STDERR ? ERRNO.spipe : ERRNO.badf),
    fd_fdstat_get(fd: number, result: number): number {
      if (fd < STDIN || fd > STDERR) return ERRNO.badf;
      memory.write(result, new Uint8Array(24));
      memory.write(result, new Uint8Array([FILETYPE_CHARACTER_DEVICE]));
      memory.setUint64(result + 8, fd === STDIN ? RIGHT_FD_READ : RIGHT_FD_WRITE);
      return ERRNO.success;
    },
    // EBADF on the first descriptor tells the guest's library that nothing is preopened.
    fd_prestat_get: (): number => ERRNO.badf,
    fd_prestat_dir_name: (): number => ERRNO.badf,
  };
}

/** The guest's memory; growing replaces the buffer, so every access takes it anew. Addresses are unsigned. */
class GuestMemory {
  #memory: WebAssembly.Memory | undefined;

  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
  }

  view(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#buffer(), address >>> 0, length >>> 0);
  }

  write(address: number, bytes: Uint8Array): void {
    this.view(address, bytes.length).set(bytes);
  }

  getUint32(address: number): number {
    return new DataView(this.#buffer()).getUint32(address >>> 0, true);
  }

  setUint32(address: number, value: number): void {
    new DataView(this.#buffer()).setUint32(address >>> 0, value, true);
  }

  setUint64(address: number, value: bigint): void {
    new DataView(this.#buffer()).setBigUint64(address >>> 0, value, true);
  }

  #buffer(): ArrayBuffer {
    // A start function runs before the memory is attached: every access is out of range.
    return this.#memory?.buffer ?? NO_MEMORY;
  }
}

class BoundedSink {
  exceeded = false;
  readonly #bytesMax: number;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  append(bytes: Uint8Array): boolean {
    this.exceeded ||= this.#length + bytes.length > this.#bytesMax;
    if (this.exceeded) return false;
    this.#chunks.push(bytes.slice());
    this.#length += bytes.length;
    return true;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }
}
