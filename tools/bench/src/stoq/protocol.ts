import type { HybridPublicKey } from '@hypermesh/stoq';
import { type Contract, defineContract, type MethodSpec } from '@hypermesh/stoq';
import { z } from 'zod';

/** What the measuring process tells the peer process. */
export type PeerRequest = { readonly kind: 'serve'; readonly clientKey: HybridPublicKey };

/** Where the peer process serves, and its key. */
export interface PeerReady {
  readonly kind: 'ready';
  readonly key: HybridPublicKey;
  /** Takes streams of bare bytes. */
  readonly raw: string;
  /** Takes sessions and streams in them. */
  readonly sealed: string;
  /** Answers `bench/1`. */
  readonly rpc: string;
}

/** One stream as its receiver saw it, from the first bytes to the end; hashed afterwards. */
export interface Received {
  readonly kind: 'received';
  readonly bytes: number;
  readonly durationMs: number;
  readonly sha256: string;
}

/** Payload of a call and of its answer. */
export const ECHO_BYTES: number = 64;
const MESSAGE_BYTES_MAX = 1024;
const DEADLINE_MS = 10_000;

interface Echo {
  readonly payload: Uint8Array;
}

export type BenchMethods = { readonly echo: MethodSpec<Echo, Echo> };

const echo: z.ZodType<Echo> = z.strictObject({ payload: z.instanceof(Uint8Array) });

export const benchContract: Contract<BenchMethods> = defineContract({
  name: 'bench',
  version: 1,
  methods: {
    echo: {
      kind: 'unary',
      request: echo,
      response: echo,
      roles: 'any',
      kinds: ['pinned'],
      idempotent: true,
      requestBytesMax: MESSAGE_BYTES_MAX,
      responseBytesMax: MESSAGE_BYTES_MAX,
      deadlineMs: DEADLINE_MS,
    },
  },
});
