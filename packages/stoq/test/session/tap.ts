import type { CarrierConnection, CarrierStream } from '../../src/index.ts';

export interface Passing {
  /** Number of the stream on the tapped side, in order of opening or arrival. */
  readonly stream: number;
  readonly direction: 'sent' | 'received';
  /** Bytes that passed in this direction of the stream before. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Answers what goes on instead; null ends the direction as if the peer had finished. */
export type Alter = (passing: Passing) => Uint8Array | null;

/** One end of a connection with a man in the middle, who sees and may alter every byte. */
export function tap(connection: CarrierConnection, alter: Alter): CarrierConnection {
  let streams = 0;
  const tapped = (stream: CarrierStream): CarrierStream => tapStream(stream, streams++, alter);
  return {
    role: connection.role,
    remoteAddress: connection.remoteAddress,
    binding: connection.binding,
    closed: connection.closed,
    close: () => connection.close(),
    openStream: async (options) => tapped(await connection.openStream(options)),
    async acceptStream() {
      const stream = await connection.acceptStream();
      return stream === null ? null : tapped(stream);
    },
  };
}

function tapStream(stream: CarrierStream, number: number, alter: Alter): CarrierStream {
  let sent = 0;
  let received = 0;
  return {
    async write(bytes) {
      const altered = alter({ stream: number, direction: 'sent', offset: sent, bytes: Uint8Array.from(bytes) });
      sent += bytes.length;
      if (altered === null) await stream.finish();
      else await stream.write(altered);
    },
    async read(bytesMax) {
      const bytes = await stream.read(bytesMax);
      if (bytes === null) return null;
      const altered = alter({ stream: number, direction: 'received', offset: received, bytes: Uint8Array.from(bytes) });
      received += bytes.length;
      return altered;
    },
    finish: () => stream.finish(),
    abort: () => stream.abort(),
  };
}

/** Flips one bit of a direction of a stream, counted from its first byte. */
export function flipBit(stream: number, direction: Passing['direction'], at: number, bit = 0): Alter {
  return ({ stream: number, direction: way, offset, bytes }) => {
    const index = at - offset;
    if (number === stream && way === direction && index >= 0 && index < bytes.length) {
      bytes[index] = (bytes[index] as number) ^ (1 << bit);
    }
    return bytes;
  };
}
