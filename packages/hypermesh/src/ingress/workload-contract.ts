import { type Contract, defineContract, type MethodSpec } from '@hypermesh/stoq';
import { z } from 'zod';
import type { WorkloadRequest, WorkloadResponse } from '../runtime/driver.ts';
import { LOG_LINE_LENGTH_MAX, LOG_LINES_MAX } from '../runtime/output-lines.ts';

/** One HTTP exchange with a replica on another node. */
export interface ReplicaRequest extends WorkloadRequest {
  readonly placement: string;
  readonly lease: number;
}

/** A count of answered requests that the ingress signs for the provider; opaque here, ordered by the ledger. */
export interface CountersignRequest {
  readonly placement: string;
}

export interface CountersignResponse {
  /** What the ingress says it has counted; the signed bytes decide. */
  readonly requests: number;
  readonly counted: Uint8Array;
}

export interface ReplicaLogsRequest {
  readonly placement: string;
  /** At most so many of the newest lines. */
  readonly linesMax: number;
}

export interface ReplicaLogs {
  /** What the replica printed, and what its driver says of it; oldest first. */
  readonly lines: readonly string[];
}

export type WorkloadMethods = {
  readonly request: MethodSpec<ReplicaRequest, WorkloadResponse>;
  readonly countersign: MethodSpec<CountersignRequest, CountersignResponse>;
  readonly logs: MethodSpec<ReplicaLogsRequest, ReplicaLogs>;
};

// The body of one request or answer; larger data belongs into blobs.
export const BODY_BYTES_MAX: number = 8 * 1024 * 1024;
const ENVELOPE_BYTES_MAX: number = BODY_BYTES_MAX + 64 * 1024;
const HEADERS_LENGTH_MAX = 16 * 1024;

// UTF-8 of the lines of one answer; older ones are left out.
export const LOG_BYTES_MAX: number = 1024 * 1024;

// What the encoding adds to each line, with a share of what is around them.
const LOG_LINE_OVERHEAD_BYTES = 16;

const placement = z.string().min(1).max(128);
const headers = z.record(z.string().max(256), z.string().max(HEADERS_LENGTH_MAX));
const body = z.instanceof(Uint8Array).refine((bytes) => bytes.length <= BODY_BYTES_MAX, 'the body is too large');

const request: z.ZodType<ReplicaRequest> = z.strictObject({
  placement,
  lease: z.int().min(0),
  method: z.string().regex(/^[A-Z]{1,16}$/u),
  path: z.string().startsWith('/').max(HEADERS_LENGTH_MAX),
  headers,
  body,
});
const response: z.ZodType<WorkloadResponse> = z.strictObject({ status: z.int().min(200).max(599), headers, body });

/** Served by every node that runs replicas; called by every ingress, and by owners of apps for what these print. */
export const workloadContract: Contract<WorkloadMethods> = defineContract({
  name: 'workload',
  version: 1,
  methods: {
    request: {
      kind: 'unary',
      request,
      response,
      roles: ['node', 'validator'],
      idempotent: false,
      requestBytesMax: ENVELOPE_BYTES_MAX,
      responseBytesMax: ENVELOPE_BYTES_MAX,
      deadlineMs: 30_000,
    },
    countersign: {
      kind: 'unary',
      request: z.strictObject({ placement }),
      response: z.strictObject({ requests: z.int().min(0), counted: z.instanceof(Uint8Array) }),
      roles: ['node', 'validator'],
      idempotent: true,
      requestBytesMax: 1_024,
      responseBytesMax: 16 * 1_024,
      deadlineMs: 5_000,
    },
    logs: {
      kind: 'unary',
      request: z.strictObject({ placement, linesMax: z.int().min(1).max(LOG_LINES_MAX) }),
      response: z.strictObject({ lines: z.array(z.string().max(LOG_LINE_LENGTH_MAX)).max(LOG_LINES_MAX) }),
      roles: 'any',
      idempotent: true,
      requestBytesMax: 1_024,
      responseBytesMax: LOG_BYTES_MAX + LOG_LINES_MAX * LOG_LINE_OVERHEAD_BYTES,
      deadlineMs: 5_000,
    },
  },
});
