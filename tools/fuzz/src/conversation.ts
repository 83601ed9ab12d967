import { mutated, type Prng } from '@hypermesh/testkit';
import type { Target } from './contracts.ts';
import { type Call, type Form, FORM_CHOICES, frame, FRAME, HEAD_BYTES, makeCall } from './frames.ts';
import type { Vocabulary } from './sample.ts';

/** One call on a stream that it shares with others. */
export interface SharedCall {
  readonly number: number;
  readonly target: Target;
  readonly call: Call;
  /** Its own, and what a form has added or changed, each with the number in front. */
  readonly frames: readonly Uint8Array[];
}

/** Calls whose frames are sent among each other. */
export interface Turn {
  readonly calls: readonly SharedCall[];
  /** What is written at once. */
  readonly chunks: readonly Uint8Array[];
}

/** All that is sent on one shared stream. */
export interface Conversation {
  readonly form: SharedForm;
  /** Within the protocol; each is sent when the one before has its answers. */
  readonly turns: readonly Turn[];
  /** What comes then and makes the server reset the stream, if anything. */
  readonly breach: Turn | null;
  /** The breach is random, so that its calls may have any number, and cut: the end of the stream must follow. */
  readonly isGarbled: boolean;
}

export interface CallSource {
  readonly pickTarget: () => Target;
  readonly prng: Prng;
  readonly vocabulary: Vocabulary;
}

export const NUMBER_BYTES = 2;

type Garbled = 'mutated frames' | 'truncated';
type Breach =
  | 'frames repeated'
  | 'wrong frame type'
  | 'number in use'
  | 'number beyond the limit'
  | 'no header'
  | 'second start'
  | 'header beyond its limit'
  | 'request beyond its limit'
  | 'reset of another length';
export type SharedForm = 'sound' | Garbled | Breach;

/** Header and request, and what the form of the call has behind them. */
type CallFrames = readonly [Uint8Array, Uint8Array, ...Uint8Array[]];
type Variation = (call: CallFrames, prng: Prng) => readonly Uint8Array[];

const NUMBER_MAX = 1_023;
const HEADER_BYTES_MAX = 256;
const REQUEST_BYTES_MAX = 16 * 1024;
const TURNS_MAX = 3;
const CALLS_PER_TURN_MAX = 8;
const CUTS_MAX = 3;
const NONE = new Uint8Array();
const START = frame(FRAME.mux, NONE);

// A call that has one answer, whatever is beside its frames.
const SOUND: readonly Variation[] = [
  (call) => call,
  (call) => call,
  // It is under way, or has been answered by then.
  ([header, request], prng) => (prng.chance(0.5) ? [header, request, reset(prng)] : [header, reset(prng), request]),
  // No call has the number.
  (call, prng) => [reset(prng), ...call],
];

// Each breaks the protocol, whatever has become of the calls beside it.
const BREACHES: Readonly<Record<Breach, Variation>> = {
  'frames repeated': (call) => call,
  'wrong frame type': (call) => call,
  'number in use': ([header, request]) => [header, header, request],
  'number beyond the limit': (call) => call,
  'no header': ([, request]) => [request],
  'second start': ([header, request], prng) => (prng.chance(0.5) ? [START] : [header, START, request]),
  'header beyond its limit': ([, request]) => [frame(FRAME.header, new Uint8Array(HEADER_BYTES_MAX + 1)), request],
  'request beyond its limit': ([header]) => [header, frame(FRAME.request, new Uint8Array(REQUEST_BYTES_MAX + 1))],
  'reset of another length': ([header, request], prng) => [header, frame(FRAME.reset, prng.bytes(prng.pick([0, 1, 3]))), request],
};

export const SHARED_FORMS: readonly SharedForm[] = ['sound', 'mutated frames', 'truncated', ...(Object.keys(BREACHES) as Breach[])];

const CHOICES: readonly SharedForm[] = [...SHARED_FORMS, ...Array<SharedForm>(SHARED_FORMS.length).fill('sound')];
const WHOLE: readonly Form[] = ['sound', 'mutated request', 'random value', 'random bytes', 'mutated header', 'unknown method'];
const CALL_CHOICES: readonly Form[] = FORM_CHOICES.filter((form) => WHOLE.includes(form));

export function makeConversation(source: CallSource, form: SharedForm = source.prng.pick(CHOICES)): Conversation {
  const { prng } = source;
  const numbers = drawNumbers(prng);
  const count = prng.integer(1, TURNS_MAX);
  const turns = Array.from({ length: count }, (_, index) => {
    const begin = index > 0 ? NONE : START;
    return makeTurn(source, numbers, begin, index === count - 1 ? form : 'sound');
  });
  if (form === 'sound') return { form, turns, breach: null, isGarbled: false };
  return { form, turns: turns.slice(0, -1), breach: turns.at(-1) as Turn, isGarbled: isGarbled(form) };
}

function makeTurn(source: CallSource, numbers: readonly number[], begin: Uint8Array, form: SharedForm): Turn {
  const { prng } = source;
  const [spare, ...free] = prng.shuffle(numbers) as [number, ...number[]];
  const calls = free.slice(0, prng.integer(1, CALLS_PER_TURN_MAX)).map((number) => soundCall(source, number));
  if (isBreach(form)) calls.push(breakingCall(source, spare, form));
  const bytes = interleaved(calls, prng);
  if (!isGarbled(form)) return { calls, chunks: cut(Buffer.concat([begin, bytes]), prng) };
  const garbled = form === 'truncated' ? bytes.subarray(0, prng.integer(0, bytes.length - 1)) : mutated(bytes, prng);
  return {
    calls: calls.map((shared) => ({ ...shared, call: { ...shared.call, form } })),
    chunks: cut(Buffer.concat([begin, garbled]), prng),
  };
}

function isBreach(form: SharedForm): form is Breach {
  return form in BREACHES;
}

function isGarbled(form: SharedForm): form is Garbled {
  return form === 'mutated frames' || form === 'truncated';
}

/** More than one turn needs, so that some are used again and one is not in use. */
function drawNumbers(prng: Prng): readonly number[] {
  const numbers = new Set<number>();
  while (numbers.size < CALLS_PER_TURN_MAX + 2) numbers.add(prng.pick([0, NUMBER_MAX, prng.integer(0, NUMBER_MAX)]));
  return [...numbers];
}

function soundCall({ pickTarget, prng, vocabulary }: CallSource, number: number): SharedCall {
  for (;;) {
    const target = pickTarget();
    const call = makeCall(target, prng, vocabulary, CALL_CHOICES);
    const frames = call.frames as CallFrames;
    const [header, request] = frames;
    const isSmall = header.length <= HEAD_BYTES + HEADER_BYTES_MAX && request.length <= HEAD_BYTES + REQUEST_BYTES_MAX;
    if (isSmall) return { number, target, call, frames: numbered(number, prng.pick(SOUND)(frames, prng)) };
  }
}

function breakingCall({ pickTarget, prng, vocabulary }: CallSource, spare: number, form: Breach): SharedCall {
  const target = pickTarget();
  const call = makeCall(target, prng, vocabulary, form === 'frames repeated' || form === 'wrong frame type' ? [form] : ['sound']);
  const number = form === 'number beyond the limit' ? prng.pick([NUMBER_MAX + 1, prng.integer(NUMBER_MAX + 1, 0xffff)]) : spare;
  return { number, target, call, frames: numbered(number, BREACHES[form](call.frames as CallFrames, prng)) };
}

function numbered(number: number, frames: readonly Uint8Array[]): readonly Uint8Array[] {
  const front = Buffer.alloc(NUMBER_BYTES);
  front.writeUInt16BE(number);
  return frames.map((bytes) => Buffer.concat([front, bytes]));
}

/** In any order that keeps those of each call in theirs. */
function interleaved(calls: readonly SharedCall[], prng: Prng): Uint8Array {
  const left = calls.map(({ frames }) => frames.values());
  const order = prng.shuffle(calls.flatMap(({ frames }, index) => frames.map(() => left[index] as Iterator<Uint8Array>)));
  return Buffer.concat(order.map((frames) => frames.next().value as Uint8Array));
}

function cut(bytes: Uint8Array, prng: Prng): readonly Uint8Array[] {
  const cuts = Array.from({ length: prng.integer(0, CUTS_MAX) }, () => prng.integer(0, bytes.length)).toSorted((a, b) => a - b);
  return [...cuts, bytes.length].map((end, index) => bytes.subarray(cuts[index - 1] ?? 0, end));
}

function reset(prng: Prng): Uint8Array {
  return frame(FRAME.reset, prng.bytes(2));
}
