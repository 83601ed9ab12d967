import { CodedError, decodeValue, type Session, type SessionStream, type Timer } from '@hypermesh/stoq';
import { ByteReader } from './byte-reader.ts';
import { type Call, FRAME, HEAD_BYTES } from './frames.ts';

/** What became of one call. */
export type Outcome =
  | { readonly kind: 'value' }
  /** A typed error. */
  | { readonly kind: 'error'; readonly code: string }
  /** The call, stream or session ended without an answer, for a reason that has a code. */
  | { readonly kind: 'ended'; readonly code: string }
  /** Neither an answer nor an end. */
  | { readonly kind: 'nothing' };

// Answers are judged by their first frame; larger ones are cut off.
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const CODE_FORM = /^[a-z0-9_-]{1,32}\.[a-z0-9_.-]{1,64}$/;
// Above every deadline that a call carries and every wait of a server for a header.
const ANSWER_MS_MAX = 15_000;

/** Sends the call on a stream of its own and reads the first frame of the answer. */
export async function exchange(session: Session, call: Call, timer: Timer): Promise<Outcome> {
  let stream: SessionStream | undefined;
  try {
    const opened = await openStream(session);
    stream = opened;
    const sending = opened.write(Buffer.concat(call.frames)).then(() => opened.finish());
    sending.catch(() => undefined);
    return (await patiently(timer, firstFrame(opened))) ?? { kind: 'nothing' };
  } catch (error) {
    return error instanceof CodedError ? { kind: 'ended', code: error.code } : { kind: 'nothing' };
  } finally {
    stream?.reset(1);
  }
}

export function openStream(session: Session): Promise<SessionStream> {
  return session.openStream({ signal: AbortSignal.timeout(ANSWER_MS_MAX) });
}

/** Null when nothing comes within the time in which every server answers. */
export async function patiently<T>(timer: Timer, waiting: Promise<T>): Promise<T | null> {
  let cancel = (): void => {};
  const patience = new Promise<null>((resolve) => (cancel = timer.after(ANSWER_MS_MAX, () => resolve(null))));
  return Promise.race([waiting, patience]).finally(() => cancel());
}

export function outcomeOf(type: number, payload: Uint8Array): Outcome {
  if (type === FRAME.value) return { kind: 'value' };
  return { kind: 'error', code: type === FRAME.error ? codeOf(payload) : `frame type ${type}` };
}

/** `stoq.rpc_internal` says that something was thrown that has no code. */
export function isTyped(code: string): boolean {
  return CODE_FORM.test(code) && code !== 'stoq.rpc_internal';
}

async function firstFrame(stream: SessionStream): Promise<Outcome> {
  const reader = new ByteReader(stream);
  const head = await reader.take(HEAD_BYTES);
  // The end of a stream that answers with no value, or of a call that gave no method.
  if (head.length === 0) return { kind: 'value' };
  if (head.length < HEAD_BYTES) return { kind: 'error', code: 'truncated answer' };
  const [type, length] = [head.readUInt8(), head.readUInt32BE(1)];
  if (type === FRAME.value) return { kind: 'value' };
  if (length > ANSWER_BYTES_MAX) return { kind: 'error', code: `${length} bytes` };
  const payload = await reader.take(length);
  return payload.length < length ? { kind: 'error', code: 'truncated answer' } : outcomeOf(type, payload);
}

function codeOf(payload: Uint8Array): string {
  try {
    const { code } = decodeValue(payload) as { readonly code?: unknown };
    return typeof code === 'string' ? code : 'no code';
  } catch {
    return 'no code';
  }
}
