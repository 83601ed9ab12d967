import {
  type Address,
  type Carrier,
  type CarrierConnection,
  CodedError,
  connectSession,
  type ConnectOptions,
  type Session,
} from '@hypermesh/stoq';
import type { Prng } from '../prng.ts';

/** A peer that sends what no protocol allows, below RPC. */
export interface GarbagePeerComponents {
  readonly carrier: Carrier;
  readonly address: Address;
  readonly prng: Prng;
  readonly signal: AbortSignal;
}

const STREAMS_MAX = 8;
const CHUNKS_MAX = 6;
const CHUNK_BYTES_MAX = 4_096;
// A listener that neither answers nor hangs up has been given long enough to misbehave.
const ANSWER_MS = 250;

/** Random bytes in place of a handshake, on several streams; then the connection is dropped, in half of the cases mid-write. */
export async function sendHandshakeGarbage({ carrier, address, prng, signal }: GarbagePeerComponents): Promise<void> {
  const connection = await carrier.dial(address, { signal });
  try {
    for (let streams = prng.integer(1, STREAMS_MAX); streams > 0; streams--) await litterStream(connection, prng);
    if (prng.chance(0.5)) await Promise.race([connection.closed, after(ANSWER_MS)]);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
  } finally {
    connection.close();
  }
}

/** An honest handshake, and then random bytes as streams of the session and beside it. Answers how the session ended, if it did. */
export async function sendSessionGarbage(
  { carrier, address, prng, signal }: GarbagePeerComponents,
  options: Omit<ConnectOptions, 'connection' | 'signal'>,
): Promise<string> {
  const connection = await carrier.dial(address, { signal });
  const session = await connectSession({ ...options, connection, signal });
  try {
    for (let streams = prng.integer(1, STREAMS_MAX); streams > 0; streams--) await litterSession(session, prng);
    // Beside the session's own streams: what is not sealed ends the session.
    if (prng.chance(0.5)) await litterStream(connection, prng);
    return (await Promise.race([session.ended, after(ANSWER_MS)]))?.code ?? 'open';
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return error.code;
  } finally {
    session.abort(new CodedError('stoq.session_closed', { message: 'enough', retryable: false }));
  }
}

async function litterStream(connection: CarrierConnection, prng: Prng): Promise<void> {
  const stream = await connection.openStream();
  for (let chunks = prng.integer(1, CHUNKS_MAX); chunks > 0; chunks--) await stream.write(prng.bytes(prng.integer(1, CHUNK_BYTES_MAX)));
  if (prng.chance(0.3)) stream.abort();
  else if (prng.chance(0.5)) await stream.finish();
}

/** Sealed by the session, so it reaches the decoder of calls. */
async function litterSession(session: Session, prng: Prng): Promise<void> {
  const stream = await session.openStream();
  for (let chunks = prng.integer(1, CHUNKS_MAX); chunks > 0; chunks--) await stream.write(prng.bytes(prng.integer(1, CHUNK_BYTES_MAX)));
  if (prng.chance(0.3)) stream.reset(prng.integer(0, 65_535));
  else await stream.finish();
}

function after(delayMs: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), delayMs));
}
