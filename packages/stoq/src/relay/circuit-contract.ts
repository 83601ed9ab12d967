import { z } from 'zod';
import { ID_BYTES } from '../crypto/ids.ts';
import { stoqError } from '../errors.ts';
import { type Contract, defineContract, type MethodSpec } from '../rpc/contract.ts';
import type { HandlersOf } from '../rpc/service.ts';

export interface CircuitReserveRequest {
  readonly durationMs: number;
}

export interface CircuitReservation {
  readonly durationMs: number;
}

export interface CircuitOpenRequest {
  /** 32 bytes: the node at the far end, which must have a reservation at this relay. */
  readonly node: Uint8Array;
}

export interface CircuitOpened {
  /** Number of the circuit within this session. */
  readonly circuit: number;
}

export type CircuitMethods = {
  /** Asks the relay to pass circuits to this side. */
  readonly reserve: MethodSpec<CircuitReserveRequest, CircuitReservation> & { readonly kind: 'unary' };
  /** Asks the relay for a circuit to a node that has a reservation. */
  readonly open: MethodSpec<CircuitOpenRequest, CircuitOpened> & { readonly kind: 'unary' };
};

const FRAME_BYTES_MAX = 256;
const DEADLINE_MS = 5_000;
const node = z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === ID_BYTES, 'an id of 32 bytes');
const durationMs = z.int().positive();
const common = {
  kind: 'unary',
  roles: 'any',
  kinds: ['bundle', 'set-entry', 'pinned'],
  idempotent: true,
  requestBytesMax: FRAME_BYTES_MAX,
  responseBytesMax: FRAME_BYTES_MAX,
  deadlineMs: DEADLINE_MS,
} as const;

/** Circuits through a relay, `circuit/1`. */
export const circuitContract: Contract<CircuitMethods> = defineContract<CircuitMethods>({
  name: 'circuit',
  version: 1,
  methods: {
    reserve: { ...common, request: z.strictObject({ durationMs }), response: z.strictObject({ durationMs }) },
    open: { ...common, request: z.strictObject({ node }), response: z.strictObject({ circuit: z.int().nonnegative() }) },
  },
});

/** This version relays nothing, and says so: every method throws `stoq.unsupported`. */
export const circuitsUnsupported: HandlersOf<typeof circuitContract> = {
  async reserve() {
    throw stoqError('stoq.unsupported', { feature: 'relay circuits' });
  },
  async open() {
    throw stoqError('stoq.unsupported', { feature: 'relay circuits' });
  },
};
