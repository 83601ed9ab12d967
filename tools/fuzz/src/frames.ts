import { type Codec, encode, encodeValue, struct, text, uint } from '@hypermesh/stoq';
import { mutated, type Prng } from '@hypermesh/testkit';
import type { Target } from './contracts.ts';
import { randomValue, sample, type Vocabulary } from './sample.ts';

/** Types of frames; all of the wire is written here again, so that nothing of the client's checks is in the way. */
export const FRAME = { header: 1, request: 2, value: 3, error: 4, mux: 5, reset: 6 } as const;
export const HEAD_BYTES = 5;

export interface Call {
  readonly form: Form;
  /** Whole ones, where the form leaves them whole. */
  readonly frames: readonly Uint8Array[];
}

export type Form = (typeof FORMS)[number];

export const FORMS = [
  'sound',
  'mutated request',
  'mutated frames',
  'random value',
  'random bytes',
  'length beyond limit',
  'truncated',
  'wrong frame type',
  'frames repeated',
  'mutated header',
  'unknown method',
] as const;

// What reaches a handler finds more than what a decoder refuses.
export const FORM_CHOICES: readonly Form[] = [...FORMS, ...Array<Form>(5).fill('sound'), ...Array<Form>(5).fill('mutated request')];
const CALL_MS = 2_000;
const REQUEST_BYTES_MAX = 8 * 1024 * 1024;
const headerCodec: Codec<{ readonly method: string; readonly deadlineMs: number }> = struct({ method: text(128), deadlineMs: uint() });

/** A call of one of the forms. */
export function makeCall(target: Target, prng: Prng, vocabulary: Vocabulary, forms: readonly Form[] = FORM_CHOICES): Call {
  const form = prng.pick(forms);
  const header = encode(headerCodec, { method: target.method, deadlineMs: CALL_MS });
  const request = encodeValue(sample(target.spec.request, prng, vocabulary), REQUEST_BYTES_MAX);
  return { form, frames: framesOf(form, header, request, prng) };
}

export function frame(type: number, payload: Uint8Array, length: number = payload.length): Uint8Array {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(type);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, payload]);
}

function framesOf(form: Form, header: Uint8Array, request: Uint8Array, prng: Prng): readonly Uint8Array[] {
  const [first, second] = [frame(FRAME.header, header), frame(FRAME.request, request)];
  switch (form) {
    case 'sound':
      return [first, second];
    case 'mutated request':
      return [first, frame(FRAME.request, mutated(request, prng))];
    case 'mutated frames':
      return [mutated(Buffer.concat([first, second]), prng)];
    case 'random value':
      return [first, frame(FRAME.request, encodeValue(randomValue(prng), REQUEST_BYTES_MAX))];
    case 'random bytes':
      return [first, frame(FRAME.request, prng.bytes(prng.integer(0, 300)))];
    case 'length beyond limit':
      return [first, frame(FRAME.request, request, prng.pick([0xffff_ffff, 0x8000_0000, request.length + 1, 64 * 1024 * 1024]))];
    case 'truncated':
      return [Buffer.concat([first, second]).subarray(0, prng.integer(0, first.length + second.length - 1))];
    case 'wrong frame type':
      return [first, frame(prng.pick([0, 1, 3, 4, 5, 255]), request)];
    case 'frames repeated':
      return prng.chance(0.5) ? [first, second, second] : [first, first, second];
    case 'mutated header':
      return [frame(FRAME.header, mutated(header, prng)), second];
    case 'unknown method':
      return [
        frame(FRAME.header, encode(headerCodec, { method: prng.pick(['', 'mesh/9.status', 'x'.repeat(128)]), deadlineMs: 1 })),
        second,
      ];
  }
}
