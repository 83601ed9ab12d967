import { CodedError, hasCode, type Session, type SessionStream, type Timer } from '@hypermesh/stoq';
import { openStream, type Outcome, outcomeOf, patiently } from './answer.ts';
import { ByteReader } from './byte-reader.ts';
import { type Conversation, NUMBER_BYTES, type SharedCall, type Turn } from './conversation.ts';
import { FRAME, HEAD_BYTES } from './frames.ts';

/** What became of calls on shared streams, and what is wrong with the streams. */
export interface Held {
  readonly outcomes: readonly { readonly shared: SharedCall; readonly outcome: Outcome }[];
  readonly faults: readonly string[];
  /** The last turn. */
  readonly sent: readonly Uint8Array[];
}

/** In one session; a further one is reset. */
export const SHARED_STREAMS_MAX = 4;

const PROTOCOL = 3;
const RESET: Outcome = { kind: 'ended', code: 'stoq.stream_reset' };
const ANSWER_BYTES_MAX = 16 * 1024;

/** Sends the conversation, and waits until the server has reset the stream: its place is free then. Throws as `openStream` does. */
export async function hold(session: Session, { turns, breach, isGarbled }: Conversation, timer: Timer): Promise<Held> {
  const stream = new SharedStream(await openStream(session), timer);
  for (const turn of turns) {
    if (stream.isIdle) await stream.ask(turn);
  }
  if (stream.isReset) stream.faults.push('reset without a breach');
  if (breach === null || !stream.isIdle) stream.finish();
  else if (isGarbled) await stream.finishWith(breach);
  else await stream.ask(breach);
  await stream.end();
  return stream;
}

/** Sends each turn on a stream of its own, one stream more than the session may have. Throws as `openStream` does. */
export async function holdTogether(session: Session, turns: readonly Turn[], timer: Timer): Promise<Held> {
  const streams = await Promise.all(turns.map(async (turn) => ({ turn, stream: new SharedStream(await openStream(session), timer) })));
  await Promise.all(streams.map(({ stream, turn }) => stream.ask(turn)));
  const held = streams.map(({ stream }) => stream);
  const reset = held.filter(({ isReset }) => isReset).length;
  const faults =
    reset === turns.length - SHARED_STREAMS_MAX || held.some(({ isLost }) => isLost) ? [] : [`${reset} of ${turns.length} were reset`];
  for (const stream of held) stream.finish();
  await Promise.all(held.map((stream) => stream.end()));
  return {
    outcomes: held.flatMap(({ outcomes }) => outcomes),
    faults: [...faults, ...held.flatMap((stream) => stream.faults)],
    sent: held.flatMap(({ sent }) => sent),
  };
}

/** The caller's end of a shared stream: knows which calls have no answer yet. */
class SharedStream implements Held {
  readonly outcomes: { readonly shared: SharedCall; readonly outcome: Outcome }[] = [];
  readonly faults: string[] = [];
  sent: readonly Uint8Array[] = [];
  readonly #stream: SessionStream;
  readonly #timer: Timer;
  readonly #reading: Promise<void>;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  #sending: Promise<void> = Promise.resolve();
  /** Why it ended; null for an end without a reason. */
  #end: Error | null | undefined;
  #isGarbled = false;

  constructor(stream: SessionStream, timer: Timer) {
    this.#stream = stream;
    this.#timer = timer;
    this.#reading = this.#read();
  }

  /** More may be asked, under any number. */
  get isIdle(): boolean {
    return this.#end === undefined && this.#waiting.size === 0;
  }

  get isReset(): boolean {
    return hasCode(this.#end, 'stoq.stream_reset');
  }

  /** It has ended together with its session. */
  get isLost(): boolean {
    return this.#end instanceof Error && !this.isReset;
  }

  /** Until each call has an answer, or none will come. */
  async ask({ calls, chunks }: Turn): Promise<void> {
    const answers = calls.map(async (shared) => {
      const answer = new Promise<Outcome>((resolve) => this.#waiting.set(shared.number, resolve));
      const outcome = (await patiently(this.#timer, answer)) ?? { kind: 'nothing' };
      this.outcomes.push({ shared, outcome });
      const { method, spec } = shared.target;
      if (outcome.kind === 'value' && spec.kind !== 'unary' && !this.#isGarbled)
        this.faults.push(`a value of ${method}, which has a stream of them`);
    });
    this.sent = chunks;
    for (const chunk of chunks) this.#send(() => this.#stream.write(chunk));
    if (this.#end !== undefined) this.#settle();
    await Promise.all(answers);
  }

  finish(): void {
    this.#send(() => this.#stream.finish());
  }

  /** Asks what may be answered under any number. */
  async finishWith(turn: Turn): Promise<void> {
    this.#isGarbled = true;
    const asked = this.ask(turn);
    this.finish();
    await asked;
  }

  /** Until the server has reset the stream. */
  async end(): Promise<void> {
    await patiently(this.#timer, this.#reading);
    if (this.#end === undefined) this.faults.push('not reset');
    else if (this.#end === null) this.faults.push('ended, not reset');
    else if (hasCode(this.#end, 'stoq.stream_reset') && this.#end.data['code'] !== PROTOCOL) this.faults.push(this.#end.message);
    this.#stream.reset(1);
  }

  /** Whatever fails here, the reader sees why. */
  #send(step: () => Promise<void>): void {
    this.#sending = this.#sending.then(step);
    this.#sending.catch(() => undefined);
  }

  async #read(): Promise<void> {
    const reader = new ByteReader(this.#stream);
    try {
      while (await this.#readAnswer(reader));
      this.#end = null;
    } catch (error) {
      this.#end = error as Error;
    }
    this.#settle();
  }

  /** False at the end of what can be read. */
  async #readAnswer(reader: ByteReader): Promise<boolean> {
    const head = await reader.take(NUMBER_BYTES + HEAD_BYTES);
    if (head.length < NUMBER_BYTES + HEAD_BYTES) return false;
    const [number, type, length] = [head.readUInt16BE(), head.readUInt8(NUMBER_BYTES), head.readUInt32BE(NUMBER_BYTES + 1)];
    if (length > ANSWER_BYTES_MAX) {
      this.faults.push(`an answer of ${length} bytes`);
      return false;
    }
    const payload = await reader.take(length);
    const answered = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (answered === undefined && !this.#isGarbled) this.faults.push(`an answer to no call, number ${number}, type ${type}`);
    answered?.(type === FRAME.reset ? RESET : outcomeOf(type, payload));
    return true;
  }

  #settle(): void {
    const outcome: Outcome = this.#end instanceof CodedError ? { kind: 'ended', code: this.#end.code } : { kind: 'nothing' };
    for (const answered of this.#waiting.values()) answered(outcome);
    this.#waiting.clear();
  }
}
