import { type Codec, CodedError, decode } from '@hypermesh/stoq';
import { type TrustErrorCode, trustError } from './errors.ts';

const CODEC_FAULTS: readonly string[] = ['stoq.codec_malformed', 'stoq.codec_limit', 'stoq.key_malformed'];

/** Decodes at the edge: a fault of the bytes is thrown as `code`, with the codec's error as cause. */
export function decodeAs<T>(codec: Codec<T>, encoded: Uint8Array, bytesMax: number, code: TrustErrorCode): T {
  try {
    return decode(codec, encoded, bytesMax);
  } catch (cause) {
    if (!(cause instanceof CodedError) || !CODEC_FAULTS.includes(cause.code)) throw cause;
    throw trustError(code, { reason: cause.message }, { cause });
  }
}
