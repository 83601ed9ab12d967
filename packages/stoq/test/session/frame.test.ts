import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CodedError, stoqError } from '../../src/index.ts';
import { FrameSource, writeFrameHead } from '../../src/session/frame.ts';

const thrown = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('the frames of a stream', () => {
  test('come out whole, however the bytes arrive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        async (bodies, cuts) => {
          const wire = Buffer.concat(
            bodies.map((body, index) => {
              const bytes = new Uint8Array(4 + body.length);
              writeFrameHead(bytes, 0, index, body.length);
              bytes.set(body, 4);
              return bytes;
            }),
          );
          let at = 0;
          let turn = 0;
          const source = new FrameSource({
            async read() {
              if (at >= wire.length) return null;
              const size = cuts[turn++ % cuts.length] as number;
              at += size;
              return wire.subarray(at - size, at);
            },
          });
          const seen: Uint8Array[] = [];
          for (;;) {
            const frame = source.take(() => {});
            if (frame !== null) {
              expect(frame.type).toBe(seen.length);
              seen.push(Uint8Array.from(frame.body));
            } else if (!(await source.fill())) break;
          }
          expect(seen).toEqual(bodies);
          expect(source.bufferedBytes).toBe(0);
          expect(source.peekType()).toBeNull();
        },
      ),
    );
  });

  test('are refused by their head before the body is there', async () => {
    const source = new FrameSource({ read: async () => Uint8Array.of(5, 1, 2, 3) });
    await source.fill();
    expect(source.peekType()).toBe(5);
    const seen: number[] = [];
    expect(source.take((type, length) => void seen.push(type, length))).toBeNull();
    expect(seen).toEqual([5, 0x010203]);
    expect(
      thrown(() =>
        source.take(() => {
          throw stoqError('stoq.record_forged');
        }),
      ),
    ).toBeInstanceOf(CodedError);
  });
});
