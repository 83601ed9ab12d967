import { type Codec, encode, encodeValue, struct, text, uint } from '@hypermesh/stoq';
import { mutated, type Prng } from '@hypermesh/testkit';
import type { Target } from './contracts.ts';
import { randomValue, sample, type Vocabulary } from './sample.ts';

/** One call as bytes, built here again so that nothing of the client's checks is in the way. */
export interface Call {
  readonly form: Form;
  readonly bytes: Uint8Array;
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
const CHOICES: readonly Form[] = [...FORMS, ...Array<Form>(5).fill('sound'), ...Array<Form>(5).fill('mutated request')];
const HEADER = 1;
const REQUEST = 2;
const CALL_MS = 2_000;
const REQUEST_BYTES_MAX = 8 * 1024 * 1024;
const headerCodec: Codec<{ readonly method: string; readonly deadlineMs: number }> = struct({ method: text(128), deadlineMs: uint() });

export function makeCall(target: Target, prng: Prng, vocabulary: Vocabulary): Call {
  const form = prng.pick(CHOICES);
  const header = frame(HEADER, encode(headerCodec, { method: target.method, deadlineMs: CALL_MS }));
  const request = encodeValue(sample(target.spec.request, prng, vocabulary), REQUEST_BYTES_MAX);
  return { form, bytes: bytesOf(form, header, request, prng) };
}

function bytesOf(form: Form, header: Uint8Array, request: Uint8Array, prng: Prng): Uint8Array {
  const sound = frame(REQUEST, request);
  switch (form) {
    case 'sound':
      return Buffer.concat([header, sound]);
    case 'mutated request':
      return Buffer.concat([header, frame(REQUEST, mutated(request, prng))]);
    case 'mutated frames':
      return mutated(Buffer.concat([header, sound]), prng);
    case 'random value':
      return Buffer.concat([header, frame(REQUEST, encodeValue(randomValue(prng), REQUEST_BYTES_MAX))]);
    case 'random bytes':
      return Buffer.concat([header, frame(REQUEST, prng.bytes(prng.integer(0, 300)))]);
    case 'length beyond limit':
      return Buffer.concat([header, frame(REQUEST, request, prng.pick([0xffff_ffff, 0x8000_0000, request.length + 1, 64 * 1024 * 1024]))]);
    case 'truncated':
      return Buffer.concat([header, sound]).subarray(0, prng.integer(0, header.length + sound.length - 1));
    case 'wrong frame type':
      return Buffer.concat([header, frame(prng.pick([0, 1, 3, 4, 5, 255]), request)]);
    case 'frames repeated':
      return Buffer.concat(prng.chance(0.5) ? [header, sound, sound] : [header, header, sound]);
    case 'mutated header':
      return Buffer.concat([frame(HEADER, mutated(header.subarray(5), prng)), sound]);
    case 'unknown method':
      return Buffer.concat([
        frame(HEADER, encode(headerCodec, { method: prng.pick(['', 'mesh/9.status', 'x'.repeat(128)]), deadlineMs: 1 })),
        sound,
      ]);
  }
}

function frame(type: number, payload: Uint8Array, length: number = payload.length): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt8(type);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, payload]);
}
