import { stoqError } from '../../errors.ts';
import type { Address, CarrierBinding, CarrierConnection, CarrierStream } from '../carrier.ts';
import { Pipe, type Schedule } from './pipe.ts';

export interface ConnectionParts {
  readonly dialer: Address;
  readonly listener: Address;
  readonly binding: CarrierBinding;
  readonly streamWindowBytes: number;
  /** Delivery on stream `stream`; -1 for what belongs to the connection itself. */
  readonly schedule: (from: 'dialer' | 'listener', stream: number, bytes: number, deliver: () => void) => void;
}

/** Both ends of one connection. */
export interface ConnectionPair {
  readonly dialer: CarrierConnection;
  readonly listener: CarrierConnection;
  /** Ends both at once, as a lost path would. */
  cut(): void;
}

const CONNECTION_EVENT = -1;

export function createConnectionPair(parts: ConnectionParts): ConnectionPair {
  let nextStream = 0;
  const openBetween = (opener: End, other: End): CarrierStream => {
    const stream = nextStream++;
    const there: Schedule = (bytes, deliver) => parts.schedule(opener.role, stream, bytes, deliver);
    const back: Schedule = (bytes, deliver) => parts.schedule(other.role, stream, bytes, deliver);
    const windowBytes = parts.streamWindowBytes;
    const announce = (): void => other.offer(theirs);
    const outwards = new Pipe({ windowBytes, forwards: there, backwards: back, onArrival: announce });
    const inwards = new Pipe({ windowBytes, forwards: back, backwards: there, onArrival: () => {} });
    const theirs = other.attach(inwards, outwards);
    return opener.attach(outwards, inwards);
  };

  const end = (role: 'dialer' | 'listener', remoteAddress: Address, peer: () => End): End =>
    createEnd({
      role,
      remoteAddress,
      binding: parts.binding,
      open: () => openBetween(role === 'dialer' ? dialer : listener, peer()),
      closePeer: () => parts.schedule(role, CONNECTION_EVENT, 0, () => peer().end()),
    });
  const dialer: End = end('dialer', parts.listener, () => listener);
  const listener: End = end('listener', parts.dialer, () => dialer);

  return {
    dialer: dialer.face,
    listener: listener.face,
    cut() {
      dialer.end();
      listener.end();
    },
  };
}

interface EndParts {
  readonly role: 'dialer' | 'listener';
  readonly remoteAddress: Address;
  readonly binding: CarrierBinding;
  readonly open: () => CarrierStream;
  readonly closePeer: () => void;
}

interface End {
  readonly role: 'dialer' | 'listener';
  readonly face: CarrierConnection;
  /** This end's view of a stream that writes to one pipe and reads from the other. */
  attach(sending: Pipe, receiving: Pipe): CarrierStream;
  /** A stream of the peer has arrived. */
  offer(stream: CarrierStream): void;
  end(): void;
}

function createEnd(parts: EndParts): End {
  const pipes = new Set<PipePair>();
  const offered: CarrierStream[] = [];
  const waiting: ((stream: CarrierStream | null) => void)[] = [];
  const closed = Promise.withResolvers<void>();
  let ended = false;

  const end = (): void => {
    if (ended) return;
    ended = true;
    for (const { sending, receiving } of pipes) {
      sending.failWriter(stoqError('stoq.carrier_closed'));
      receiving.failReader(stoqError('stoq.carrier_closed'));
    }
    pipes.clear();
    for (const resolve of waiting.splice(0)) resolve(null);
    closed.resolve();
  };

  const face: CarrierConnection = {
    role: parts.role,
    remoteAddress: parts.remoteAddress,
    binding: parts.binding,
    closed: closed.promise,
    async openStream(options) {
      options?.signal?.throwIfAborted();
      if (ended) throw stoqError('stoq.carrier_closed');
      return parts.open();
    },
    async acceptStream() {
      if (ended) return null;
      const stream = offered.shift();
      return stream ?? (await new Promise<CarrierStream | null>((resolve) => waiting.push(resolve)));
    },
    close() {
      if (ended) return;
      end();
      parts.closePeer();
    },
  };

  return {
    role: parts.role,
    face,
    end,
    attach(sending, receiving) {
      const both = { sending, receiving };
      pipes.add(both);
      return createStream(both, () => pipes.delete(both));
    },
    offer(stream) {
      if (ended) return;
      const resolve = waiting.shift();
      if (resolve === undefined) offered.push(stream);
      else resolve(stream);
    },
  };
}

interface PipePair {
  readonly sending: Pipe;
  readonly receiving: Pipe;
}

/** `onDone` is called when neither direction will be used again. */
function createStream({ sending, receiving }: PipePair, onDone: () => void): CarrierStream {
  let sent = false;
  let received = false;
  const settle = (changes: { readonly sent?: boolean; readonly received?: boolean }): void => {
    sent ||= changes.sent === true;
    received ||= changes.received === true;
    if (sent && received) onDone();
  };
  return {
    write: (bytes) => sending.write(bytes),
    async read(bytesMax) {
      const bytes = await receiving.read(bytesMax);
      if (bytes === null) settle({ received: true });
      return bytes;
    },
    async finish() {
      sending.finish();
      settle({ sent: true });
    },
    abort() {
      sending.reset();
      receiving.stop();
      settle({ sent: true, received: true });
    },
  };
}
