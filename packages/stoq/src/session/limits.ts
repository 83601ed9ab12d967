import { strict as assert } from 'node:assert';

/** What one side of a session allows; the peer learns credits, streams and record size in the handshake. */
export interface SessionLimits {
  /** The whole handshake, from the first byte to the peer's acceptance. */
  readonly handshakeTimeoutMs: number;
  /** Payload of one record that this side accepts (reference parameter MAX_SHARD_SIZE). */
  readonly recordBytesMax: number;
  /** What the peer may send on one stream before it is read. */
  readonly streamCreditBytes: number;
  /** What the peer may send on all streams together before it is read. */
  readonly sessionCreditBytes: number;
  /** Streams of the peer that may be open at once. */
  readonly streamsMax: number;
  /** Own calls of `openStream` that may wait for the peer's limit. */
  readonly waitingOpensMax: number;
  readonly rekeyBytes: number;
  readonly rekeyRecords: number;
  readonly rekeyIntervalMs: number;
  /** Silence after which the peer is asked for a sign of life. */
  readonly pingIntervalMs: number;
  /** Silence after which the session ends with `stoq.session_idle`. */
  readonly idleTimeoutMs: number;
  /** Silence after something was sent that makes a session unresponsive; halfway the peer is asked for a sign of life. */
  readonly answerTimeoutMs: number;
}

// One record fits four times in a carrier's read; larger ones only delay the first byte.
export const RECORD_BYTES_MAX: number = 64 * 1024;
// Below this the overhead of records exceeds 2 %, and credit would be spent on headers.
export const RECORD_BYTES_MIN: number = 1024;

export const DEFAULT_SESSION_LIMITS: SessionLimits = {
  // Four messages over a slow path, two FALCON signatures in a full signing queue.
  handshakeTimeoutMs: 10_000,
  recordBytesMax: RECORD_BYTES_MAX,
  // One stream fills 1 Gbit/s at 32 ms.
  streamCreditBytes: 4 * 1024 * 1024,
  // Below the carrier's window for a connection (32 MiB), so that unread streams never block the control stream.
  sessionCreditBytes: 16 * 1024 * 1024,
  // A quarter of what the carrier allows, so that streams on their way to being closed never hit its limit.
  streamsMax: 1024,
  waitingOpensMax: 1024,
  // AES-GCM with counter nonces stays far below its bounds (RFC 8446, section 5.5: 2^24.5 records).
  rekeyBytes: 4 * 1024 * 1024 * 1024,
  rekeyRecords: 1 << 20,
  rekeyIntervalMs: 3_600_000,
  pingIntervalMs: 5_000,
  // Two unanswered pings and the pause of a busy process.
  idleTimeoutMs: 15_000,
  // Below the deadlines of calls (5 s), above the pauses of a process that collects garbage or executes a large block.
  answerTimeoutMs: 2_000,
};

/** The defaults with `changes`. */
export function sessionLimits(changes: Partial<SessionLimits> = {}): SessionLimits {
  const limits = { ...DEFAULT_SESSION_LIMITS, ...changes };
  assert(limits.recordBytesMax >= RECORD_BYTES_MIN && limits.recordBytesMax <= RECORD_BYTES_MAX, 'a record has 1 to 64 KiB');
  assert(limits.streamCreditBytes >= RECORD_BYTES_MIN, 'less stream credit than the smallest record');
  assert(limits.sessionCreditBytes >= limits.streamCreditBytes, 'less credit for the session than for one stream');
  assert(limits.pingIntervalMs < limits.idleTimeoutMs, 'a session would end before it asks for a sign of life');
  assert(limits.answerTimeoutMs < limits.idleTimeoutMs, 'a session would end before it is unresponsive');
  return limits;
}
