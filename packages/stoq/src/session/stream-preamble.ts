import type { CarrierStream } from '../carrier/carrier.ts';
import type { Timer } from '../clock.ts';
import { CodedError, stoqError } from '../errors.ts';
import type { FrameSource } from './frame.ts';
import { decodeStreamId, STREAM_ID_BYTES } from './stream-ids.ts';

// A carrier stream is worth its slot once its id is there, which travels with its first byte.
const PREAMBLE_TIMEOUT_MS = 10_000;

/** The id with which a carrier stream opens; null if the stream is taken away before. Throws `stoq.record_forged`. */
export async function readPreamble(carrier: CarrierStream, source: FrameSource, timer: Timer): Promise<number | null> {
  const cancel = timer.after(PREAMBLE_TIMEOUT_MS, () => carrier.abort());
  try {
    while (source.bufferedBytes < STREAM_ID_BYTES) {
      if (!(await source.fill())) throw stoqError('stoq.record_forged', { reason: 'truncated id' });
    }
    return decodeStreamId(source.takeBytes(STREAM_ID_BYTES) as Uint8Array);
  } catch (error) {
    // A reset took the stream before its id arrived, or the session is ending.
    if (error instanceof CodedError && error.code.startsWith('stoq.carrier_')) return null;
    throw error;
  } finally {
    cancel();
  }
}
