import type { PeerIdentity } from '../session/identity.ts';

/** One finished call, as one side saw it. */
export interface CallReport {
  readonly side: 'client' | 'server';
  /** Wire name, or `unknown` where the peer named none that is served: a label of bounded cardinality. */
  readonly method: string;
  /** `ok` or the code of the error. */
  readonly code: string;
  readonly durationMs: number;
  /** Null where the call failed before it had a session. */
  readonly peer: PeerIdentity | null;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** The local exception behind `code`, for the log; what a handler threw by mistake is seen only here. */
  readonly cause?: unknown;
}

/** For logs and metrics; called synchronously after each call, must not throw. */
export interface RpcObserver {
  called(report: CallReport): void;
}
