import { encodeValue } from '@hypermesh/stoq';

export const HEADER = 1;
export const REQUEST = 2;
export const VALUE = 3;
export const ERROR = 4;
export const MUX = 5;
export const RESET = 6;

export function frame(type: number, payload: Uint8Array | string, length?: number): Uint8Array {
  const body = typeof payload === 'string' ? Buffer.from(payload.replaceAll(' ', ''), 'hex') : payload;
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeUInt32BE(length ?? body.length, 1);
  return Buffer.concat([head, body]);
}

/** `[method, deadlineMs]` in positional CBOR. */
export function header(method: string, deadline = '1903e8'): Uint8Array {
  const name = Buffer.from(method);
  return frame(
    HEADER,
    Buffer.concat([
      Buffer.from([0x82, 0x78, name.length].slice(0, name.length < 24 ? 1 : 3)),
      name.length < 24 ? Buffer.from([0x60 | name.length]) : Buffer.alloc(0),
      name,
      Buffer.from(deadline, 'hex'),
    ]),
  );
}

export function request(value: unknown): Uint8Array {
  return frame(REQUEST, encodeValue(value, 1024 * 1024));
}

/** Frames of one call on a shared stream. */
export function numbered(number: number, ...frames: readonly Uint8Array[]): Uint8Array {
  const prefix = Buffer.alloc(2);
  prefix.writeUInt16BE(number);
  return Buffer.concat(frames.flatMap((bytes) => [prefix, bytes]));
}
