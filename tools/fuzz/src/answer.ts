import { CodedError, decodeValue, type Session, type SessionStream } from '@hypermesh/stoq';
import type { Call } from './frames.ts';

/** What became of one call. */
export type Outcome =
  | { readonly kind: 'value' }
  /** A typed error. */
  | { readonly kind: 'error'; readonly code: string }
  /** The stream or session ended without an answer, for a reason that has a code. */
  | { readonly kind: 'ended'; readonly code: string }
  /** Neither an answer nor an end. */
  | { readonly kind: 'nothing' };

const VALUE = 3;
const ERROR = 4;
const HEAD_BYTES = 5;
// Answers are judged by their first frame; larger ones are cut off.
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const CODE_FORM = /^[a-z0-9_-]{1,32}\.[a-z0-9_.-]{1,64}$/;
// Above every deadline that a call carries and every wait of a server for a header.
const ANSWER_MS_MAX = 15_000;

/** Sends the call and reads the first frame of the answer. */
export async function exchange(session: Session, call: Call): Promise<Outcome> {
  let stream: SessionStream | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const opened = await session.openStream({ signal });
    stream = opened;
    const patience = new Promise<Outcome>((resolve) => (timer = setTimeout(() => resolve({ kind: 'nothing' }), ANSWER_MS_MAX)));
    const sending = opened.write(call.bytes).then(() => opened.finish());
    sending.catch(() => undefined);
    return await Promise.race([firstFrame(opened), patience]);
  } catch (error) {
    return error instanceof CodedError ? { kind: 'ended', code: error.code } : { kind: 'nothing' };
  } finally {
    clearTimeout(timer);
    stream?.reset(1);
  }
}

async function firstFrame(stream: SessionStream): Promise<Outcome> {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    if (bytes.length >= HEAD_BYTES) {
      const length = bytes.readUInt32BE(1);
      if (bytes[0] === VALUE) return { kind: 'value' };
      if (bytes[0] !== ERROR || length > ANSWER_BYTES_MAX) return { kind: 'error', code: `frame type ${bytes[0]}` };
      if (bytes.length >= HEAD_BYTES + length) return { kind: 'error', code: codeOf(bytes.subarray(HEAD_BYTES, HEAD_BYTES + length)) };
    }
    const chunk = await stream.read();
    // The end of a stream that answers with no value, or of a call that gave no method.
    if (chunk === null) return bytes.length === 0 ? { kind: 'value' } : { kind: 'error', code: 'truncated answer' };
    bytes = Buffer.concat([bytes, chunk]);
  }
}

function codeOf(payload: Uint8Array): string {
  const value = decodeValue(payload) as { readonly code?: unknown };
  return typeof value.code === 'string' ? value.code : 'no code';
}

/** `stoq.rpc_internal` says that something was thrown that has no code. */
export function isTyped(code: string): boolean {
  return CODE_FORM.test(code) && code !== 'stoq.rpc_internal';
}
