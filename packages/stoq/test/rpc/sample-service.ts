import { z } from 'zod';
import { CodedError, type Contract, defineContract, type Handlers, type MethodSpec, type RpcValue, stoqError } from '@hypermesh/stoq';

const common = { roles: 'any', idempotent: true, requestBytesMax: 64 * 1024, responseBytesMax: 16 * 1024, deadlineMs: 1_000 } as const;
const anything = z.any() as z.ZodType<RpcValue>;

function method<Request, Response, Kind extends MethodSpec['kind'] = 'unary'>(
  request: z.ZodType<Request>,
  response: z.ZodType<Response>,
  changes: Partial<MethodSpec<Request, Response>> & { kind?: Kind } = {},
): MethodSpec<Request, Response> & { readonly kind: Kind } {
  return { ...common, kind: 'unary', request, response, ...changes } as MethodSpec<Request, Response> & { readonly kind: Kind };
}

const MIB: number = 1024 * 1024;

// A type, not an interface: only types have the index signature of a `MethodMap`.
export type SampleMethods = {
  readonly echo: MethodSpec<RpcValue, RpcValue> & { readonly kind: 'unary' };
  readonly add: MethodSpec<{ a: number; b: number }, { sum: number }> & { readonly kind: 'unary' };
  readonly fail: MethodSpec<string, null> & { readonly kind: 'unary' };
  readonly hang: MethodSpec<string, string> & { readonly kind: 'unary' };
  readonly once: MethodSpec<string, string> & { readonly kind: 'unary' };
  readonly wide: MethodSpec<string, string> & { readonly kind: 'unary' };
  readonly blob: MethodSpec<number, Uint8Array> & { readonly kind: 'unary' };
  readonly upload: MethodSpec<Uint8Array, number> & { readonly kind: 'unary' };
  readonly wrong: MethodSpec<string, number> & { readonly kind: 'unary' };
  readonly count: MethodSpec<{ from: number; to: number; fail?: boolean }, number> & { readonly kind: 'server-stream' };
  readonly chunks: MethodSpec<number, Uint8Array> & { readonly kind: 'server-stream' };
  readonly drip: MethodSpec<string, number> & { readonly kind: 'server-stream' };
  readonly operate: MethodSpec<null, string> & { readonly kind: 'unary' };
  readonly setOnly: MethodSpec<null, string> & { readonly kind: 'unary' };
  readonly enrol: MethodSpec<null, string> & { readonly kind: 'unary' };
};

export const sampleContract: Contract<SampleMethods> = defineContract<SampleMethods>({
  name: 'sample',
  version: 1,
  methods: {
    echo: method(anything, anything),
    add: method(z.strictObject({ a: z.number(), b: z.number() }), z.strictObject({ sum: z.number() })),
    fail: method(z.string(), z.null()),
    hang: method(z.string(), z.string()),
    once: method(z.string(), z.string(), { idempotent: false }),
    wide: method(z.string(), z.string(), { responseBytesMax: 128 * 1024 }),
    blob: method(z.int().min(0), z.instanceof(Uint8Array), { responseBytesMax: 12 * MIB }),
    upload: method(z.instanceof(Uint8Array), z.int(), { requestBytesMax: 12 * MIB }),
    wrong: method(z.string(), z.number()),
    count: method(z.strictObject({ from: z.int(), to: z.int(), fail: z.boolean().optional() }) as never, z.int(), {
      kind: 'server-stream',
    }),
    chunks: method(z.int(), z.instanceof(Uint8Array), { kind: 'server-stream', responseBytesMax: 64 * 1024 }),
    drip: method(z.string(), z.int(), { kind: 'server-stream' }),
    operate: method(z.null(), z.string(), { roles: ['operator', 'validator'] }),
    setOnly: method(z.null(), z.string(), { kinds: ['set-entry'] }),
    enrol: method(z.null(), z.string(), { kinds: ['raw-key', 'bundle'], restricted: true }),
  },
});

/** What the handlers have seen, for tests to wait for and look at. */
export class SampleLog {
  readonly started: string[] = [];
  readonly aborted: { readonly name: string; readonly code: string }[] = [];
  produced = 0;
  #waiting: (() => void)[] = [];

  start(name: string, signal: AbortSignal): void {
    this.started.push(name);
    this.#changed();
    const record = (): void => {
      this.aborted.push({ name, code: (signal.reason as { code?: string }).code ?? 'untyped' });
      this.#changed();
    };
    if (signal.aborted) record();
    signal.addEventListener('abort', record, { once: true });
  }

  async until(holds: (log: this) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

const FAILURES: Readonly<Record<string, () => unknown>> = {
  coded: () => stoqError('stoq.blob_missing', { digest: 'abc', size: 3, wide: 1n << 70n, none: null, left: undefined, late: false }),
  foreign: () => new CodedError('catalog.entry_missing', { message: 'internal wording', retryable: true }, { name: 'hello' }),
  long: () =>
    stoqError('stoq.blob_missing', {
      text: 'x'.repeat(5_000),
      infinite: Number.POSITIVE_INFINITY,
      huge: 1n << 300n,
      __proto: 1,
      'bad key': 1,
    }),
  exception: () => new RangeError('secret path /etc/shadow'),
  misnamed: () => new CodedError('Not A Code', { message: 'internal wording', retryable: true }),
  nothing: () => undefined,
};

export function sampleHandlers(log: SampleLog): Handlers<SampleMethods> {
  const untilAborted = async (name: string, signal: AbortSignal): Promise<never> => {
    log.start(name, signal);
    await new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
    throw signal.reason as Error;
  };
  return {
    echo: async (value) => value,
    add: async ({ a, b }) => ({ sum: a + b }),
    fail: async (how) => {
      throw FAILURES[how]?.();
    },
    hang: (name, { signal }) => (name === 'deaf' ? new Promise(() => log.start(name, signal)) : untilAborted(name, signal)),
    once: async (name, { signal }) => {
      log.start(name, signal);
      return name;
    },
    wide: async (text) => text,
    blob: async (size) => new Uint8Array(size).fill(7),
    upload: async (bytes) => bytes.length,
    wrong: async (what) =>
      (what === 'type' ? 'text' : what === 'unsendable' ? Symbol('s') : Array.from({ length: 100_000 }, () => 0)) as never,
    async *count({ from, to, fail }, { signal }) {
      log.start('count', signal);
      for (let n = from; n < to; n++) {
        log.produced += 1;
        yield n;
      }
      if (fail === true) throw stoqError('stoq.blob_corrupt', { at: to });
    },
    async *chunks(size, { signal }) {
      log.start('chunks', signal);
      for (;;) {
        log.produced += 1;
        yield new Uint8Array(size);
      }
    },
    async *drip(name, { signal }) {
      yield 1;
      await untilAborted(name, signal);
    },
    operate: async () => 'operated',
    setOnly: async () => 'set',
    enrol: async (_, { peer }) => peer.kind,
  };
}
