import { createHash, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { Address, Carrier, CarrierConnection, CarrierListener, CarrierStream } from '@hypermesh/stoq';

export interface CarrierUnderTest extends Carrier {
  close(): Promise<void>;
}

/** What the suite needs to know about an implementation. */
export interface CarrierWorld {
  /** A carrier as a process of its own would have it; `connectTimeoutMs` where a dial has to fail. */
  create(options?: { readonly connectTimeoutMs?: number }): CarrierUnderTest;
  /** Addresses with port 0, one for each family. */
  readonly addresses: readonly Address[];
  /** An address where nobody listens, and the code that a dial to it must throw. */
  nobody(): Promise<{ readonly address: Address; readonly code: string }>;
  /** An address that takes what is sent and never answers. */
  silent(): Promise<{ readonly address: Address; close(): void }>;
  /** Addresses that `listen` and `dial` must both refuse. */
  readonly badAddresses: readonly Address[];
  /** More than the carrier holds of a stream that is not read, buffers of both ends included. */
  readonly unreadBytesMax: number;
}

const never: AbortSignal = new AbortController().signal;

/** What every implementation of `Carrier` must do. */
export function describeCarrier(name: string, openWorld: () => CarrierWorld): void {
  describe(`carrier ${name}`, () => {
    const world = openWorld();
    const [first] = world.addresses as [Address];
    const open: CarrierUnderTest[] = [];
    const carrier = (options?: { readonly connectTimeoutMs?: number }): CarrierUnderTest => {
      const made = world.create(options);
      open.push(made);
      return made;
    };
    const pair = (at: Address = first): Promise<Pair> => connect(carrier(), carrier(), at);

    afterEach(async () => {
      await Promise.all(open.splice(0).map((made) => made.close()));
    });

    describe('dial and listen', () => {
      it.each(world.addresses)('carries bytes both ways over %s', async (address) => {
        const { dialer, listener } = await pair(address);
        expect([dialer.role, listener.role]).toEqual(['dialer', 'listener']);
        const [ours, theirs] = await openPair(dialer, listener, text('ping'));
        expect(await readBytes(theirs, 4)).toEqual(text('ping'));
        await theirs.write(text('pong'));
        expect(await readBytes(ours, 4)).toEqual(text('pong'));
        const [back, there] = await openPair(listener, dialer, text('also'));
        expect(await readBytes(there, 4)).toEqual(text('also'));
        await there.finish();
        expect(await back.read(1)).toBeNull();
      });

      it('says where the other end is', async () => {
        const { dialer, listener, at } = await pair();
        expect(dialer.remoteAddress).toBe(at.address);
        expect(listener.remoteAddress).not.toBe(at.address);
        expect(listener.remoteAddress.split(':').at(-1)).toMatch(/^[1-9][0-9]*$/);
      });

      it('binds an address once and frees it on close', async () => {
        const one = carrier();
        const held = await one.listen(first, () => {});
        expect(held.address).not.toMatch(/:0$/);
        await expect(carrier().listen(held.address, () => {})).rejects.toMatchObject({ code: 'stoq.carrier_address' });
        await Promise.all([held.close(), held.close()]);
        const again = await carrier().listen(held.address, () => {});
        expect(again.address).toBe(held.address);
      });

      it('ends accepted connections with their listener', async () => {
        const { dialer, listener, at } = await pair();
        await at.close();
        await Promise.all([dialer.closed, listener.closed]);
        expect(await dialer.acceptStream()).toBeNull();
      });

      it.each(world.badAddresses)('refuses the address %j', async (address) => {
        await expect(carrier().listen(address, () => {})).rejects.toMatchObject({ code: 'stoq.carrier_address' });
        await expect(carrier().dial(address, { signal: never })).rejects.toMatchObject({ code: 'stoq.carrier_address' });
      });

      it('refuses to dial port 0', async () => {
        await expect(carrier().dial(first, { signal: never })).rejects.toMatchObject({ code: 'stoq.carrier_address' });
      });

      it('fails to dial where nobody listens', async () => {
        const { address, code } = await world.nobody();
        const dialling = carrier({ connectTimeoutMs: 300 }).dial(address, { signal: never });
        await expect(dialling).rejects.toMatchObject({ code, retryable: true });
      });

      it('gives up on a silent address after its time', async () => {
        const silent = await world.silent();
        const dialling = carrier({ connectTimeoutMs: 50 }).dial(silent.address, { signal: never });
        await expect(dialling).rejects.toMatchObject({ code: 'stoq.carrier_timeout', data: { timeoutMs: 50 } });
        silent.close();
      });

      it('gives up dialling when told so', async () => {
        const silent = await world.silent();
        const controller = new AbortController();
        const dialling = carrier().dial(silent.address, { signal: controller.signal });
        controller.abort('enough');
        await expect(dialling).rejects.toBe('enough');
        await expect(carrier().dial(silent.address, { signal: controller.signal })).rejects.toBe('enough');
        silent.close();
      });

      it('refuses everything once closed', async () => {
        const closed = carrier();
        await Promise.all([closed.close(), closed.close()]);
        await expect(closed.listen(first, () => {})).rejects.toMatchObject({ code: 'stoq.carrier_closed' });
        await expect(closed.dial('127.0.0.1:9', { signal: never })).rejects.toMatchObject({ code: 'stoq.carrier_closed' });
      });

      it('fails a dial under way when it closes', async () => {
        const silent = await world.silent();
        const closing = carrier();
        const dialling = closing.dial(silent.address, { signal: never });
        const failure = failureOf(dialling);
        await closing.close();
        expect(await failure).toMatchObject({ code: 'stoq.carrier_closed' });
        silent.close();
      });
    });

    describe('binding', () => {
      it('shows both ends the same two keys', async () => {
        const { dialer, listener } = await pair();
        expect(dialer.binding).toEqual(listener.binding);
        const keys = keysOf(dialer);
        expect(keys.dialer).toHaveLength(32);
        expect(keys.dialer).not.toEqual(keys.listener);
      });

      it('has one key a carrier, made afresh for each', async () => {
        const [one, other] = [carrier(), carrier()];
        const a = await connect(one, other, first);
        const b = await connect(other, one, first);
        expect(keysOf(a.dialer).dialer).toEqual(keysOf(b.dialer).listener);
        expect(keysOf(a.dialer).listener).toEqual(keysOf(b.dialer).dialer);
        const c = await connect(carrier(), other, first);
        expect(keysOf(c.dialer).dialer).not.toEqual(keysOf(a.dialer).dialer);
      });
    });

    describe('streams', () => {
      it('never returns more than asked for, nor loses the rest', async () => {
        const { dialer, listener } = await pair();
        const [ours, theirs] = await openPair(dialer, listener, text('abcdefgh'));
        await ours.finish();
        const pieces: string[] = [];
        for (let piece = await theirs.read(3); piece !== null; piece = await theirs.read(3)) {
          expect(piece.length).toBeLessThanOrEqual(3);
          pieces.push(Buffer.from(piece).toString());
        }
        expect(pieces.join('')).toBe('abcdefgh');
        expect(await theirs.read(3)).toBeNull();
      });

      it('closes one direction and keeps the other', async () => {
        const { dialer, listener } = await pair();
        const [ours, theirs] = await openPair(dialer, listener, text('?'));
        await ours.finish();
        await ours.finish();
        expect(await readAll(theirs)).toEqual(text('?'));
        await expect(ours.write(text('more'))).rejects.toMatchObject({ code: 'stoq.carrier_closed' });
        await theirs.write(text('still here'));
        await theirs.finish();
        expect(await readAll(ours)).toEqual(text('still here'));
      });

      it('tells the peer of an abort in both directions', async () => {
        const { dialer, listener } = await pair();
        const [ours, theirs] = await openPair(dialer, listener, text('begin'));
        expect(await readBytes(theirs, 5)).toEqual(text('begin'));
        const failure = failureOf(theirs.read(1));
        ours.abort();
        ours.abort();
        expect(await failure).toMatchObject({ code: 'stoq.carrier_reset' });
        await expect(theirs.read(1)).rejects.toMatchObject({ code: 'stoq.carrier_reset' });
        await expect(writeForever(theirs)).rejects.toMatchObject({ code: 'stoq.carrier_reset' });
        await expect(theirs.finish()).rejects.toMatchObject({ code: 'stoq.carrier_reset' });
      });

      it('fails own use after an abort, and what was under way', async () => {
        const { dialer, listener } = await pair();
        const [ours] = await openPair(dialer, listener, text('begin'));
        const failure = failureOf(ours.read(1));
        ours.abort();
        expect(await failure).toMatchObject({ code: 'stoq.carrier_closed' });
        await expect(ours.read(1)).rejects.toMatchObject({ code: 'stoq.carrier_closed' });
        await expect(ours.write(text('x'))).rejects.toMatchObject({ code: 'stoq.carrier_closed' });
        await expect(ours.finish()).rejects.toMatchObject({ code: 'stoq.carrier_closed' });
      });

      it('leaves an end that was read alone when the peer aborts afterwards', async () => {
        const { dialer, listener } = await pair();
        const [ours, theirs] = await openPair(dialer, listener, text('all'));
        await ours.finish();
        expect(await readAll(theirs)).toEqual(text('all'));
        ours.abort();
        await roundTrip(dialer, listener);
        expect(await theirs.read(1)).toBeNull();
      });

      it('makes a writer wait for its reader, and nobody else', async () => {
        const { dialer, listener } = await pair();
        const [ours, theirs] = await openPair(dialer, listener, text('.'));
        const totalBytes = 4 * world.unreadBytesMax;
        const piece = new Uint8Array(64 * 1024);
        let writtenBytes = 1;
        const writing = (async () => {
          for (; writtenBytes < totalBytes; writtenBytes += piece.length) await ours.write(piece);
          await ours.finish();
        })();
        for (let before = -1; before !== writtenBytes;) {
          before = writtenBytes;
          for (let trip = 0; trip < 20; trip++) await roundTrip(dialer, listener);
        }
        expect(writtenBytes).toBeLessThanOrEqual(world.unreadBytesMax);
        expect(await countAll(theirs)).toBe(writtenBytes);
        await writing;
      });

      it('delivers a large transfer unaltered while the other direction is used', async () => {
        const { dialer, listener } = await pair();
        const payload = randomBytes(8 * 1024 * 1024);
        const [ours, theirs] = await openPair(dialer, listener, payload.subarray(0, 1));
        const sending = sendAll(ours, payload.subarray(1), 48 * 1024);
        const answering = sendAll(theirs, payload, 200 * 1024);
        const [there, back] = await Promise.all([hashAll(theirs), hashAll(ours), sending, answering]);
        expect(there).toBe(createHash('sha256').update(payload).digest('hex'));
        expect(back).toBe(there);
      });

      it('carries 200 streams at once', async () => {
        const { dialer, listener } = await pair();
        const serving = (async () => {
          for (let count = 0; count < 200; count++) void echo((await listener.acceptStream()) as CarrierStream);
        })();
        const asking = Array.from({ length: 200 }, async (_, index) => {
          const stream = await dialer.openStream();
          const question = randomBytes(1000 + index);
          await stream.write(question);
          await stream.finish();
          return question.equals(await readAll(stream));
        });
        expect(await Promise.all(asking)).not.toContain(false);
        await serving;
      });

      it('gives up opening a stream when told so', async () => {
        const { dialer } = await pair();
        const signal = AbortSignal.abort('enough');
        await expect(dialer.openStream({ signal })).rejects.toBe('enough');
      });
    });

    describe('end of a connection', () => {
      it('settles everything under way at both ends', async () => {
        const { dialer, listener } = await pair();
        const [ours, theirs] = await openPair(dialer, listener, text('.'));
        await readBytes(theirs, 1);
        const failures = [ours, theirs].map((stream) => failureOf(stream.read(1)));
        const accepting = [dialer.acceptStream(), listener.acceptStream()];
        dialer.close();
        dialer.close();
        await Promise.all([dialer.closed, listener.closed]);
        for (const failure of failures) expect(await failure).toMatchObject({ code: 'stoq.carrier_closed' });
        expect(await Promise.all(accepting)).toEqual([null, null]);
      });

      it('fails later use with a code', async () => {
        const { dialer, listener } = await pair();
        const [ours, theirs] = await openPair(dialer, listener, text('.'));
        listener.close();
        await Promise.all([dialer.closed, listener.closed]);
        for (const connection of [dialer, listener]) {
          await expect(connection.openStream()).rejects.toMatchObject({ code: 'stoq.carrier_closed' });
          expect(await connection.acceptStream()).toBeNull();
        }
        for (const stream of [ours, theirs]) {
          await expect(stream.write(text('x'))).rejects.toMatchObject({ code: 'stoq.carrier_closed' });
          await expect(stream.finish()).rejects.toMatchObject({ code: 'stoq.carrier_closed' });
          stream.abort();
        }
      });

      it('fails a writer who waits for a reader', async () => {
        const { dialer, listener } = await pair();
        const [ours] = await openPair(dialer, listener, text('.'));
        const failure = failureOf(writeForever(ours));
        for (let trip = 0; trip < 20; trip++) await roundTrip(dialer, listener);
        listener.close();
        expect(await failure).toMatchObject({ code: 'stoq.carrier_closed' });
      });
    });
  });
}

export interface Pair {
  readonly dialer: CarrierConnection;
  readonly listener: CarrierConnection;
  readonly at: CarrierListener;
}

/** A connection from one carrier to another, and the listener that took it. */
export async function connect(from: Carrier, to: Carrier, address: Address): Promise<Pair> {
  const accepted = Promise.withResolvers<CarrierConnection>();
  const at = await to.listen(address, accepted.resolve);
  const dialer = await from.dial(at.address, { signal: never });
  return { dialer, listener: await accepted.promise, at };
}

/** Both ends of a new stream on which the opener has written `bytes`: before that the peer need not know of it. */
export async function openPair(
  opener: CarrierConnection,
  other: CarrierConnection,
  bytes: Uint8Array,
): Promise<[CarrierStream, CarrierStream]> {
  const ours = await opener.openStream();
  const accepting = other.acceptStream();
  await ours.write(bytes);
  return [ours, (await accepting) as CarrierStream];
}

/** What a promise is rejected with, watched from now on. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.unreachable(`resolved with ${String(value)}`),
    (error: unknown) => error,
  );
}

export function text(words: string): Uint8Array {
  return new Uint8Array(Buffer.from(words));
}

export async function readBytes(stream: CarrierStream, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const piece = await stream.read(length - filled);
    if (piece === null) return bytes.subarray(0, filled);
    bytes.set(piece, filled);
    filled += piece.length;
  }
  return bytes;
}

async function readAll(stream: CarrierStream): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let piece = await stream.read(65_536); piece !== null; piece = await stream.read(65_536)) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

async function countAll(stream: CarrierStream): Promise<number> {
  let count = 0;
  for (let piece = await stream.read(262_144); piece !== null; piece = await stream.read(262_144)) count += piece.length;
  return count;
}

async function hashAll(stream: CarrierStream): Promise<string> {
  const hash = createHash('sha256');
  for (let piece = await stream.read(262_144); piece !== null; piece = await stream.read(262_144)) hash.update(piece);
  return hash.digest('hex');
}

async function sendAll(stream: CarrierStream, bytes: Uint8Array, pieceBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) await stream.write(bytes.subarray(at, at + pieceBytes));
  await stream.finish();
}

async function echo(stream: CarrierStream): Promise<void> {
  await stream.write(await readAll(stream));
  await stream.finish();
}

/** Ends only by the failure of the stream. */
async function writeForever(stream: CarrierStream): Promise<void> {
  for (;;) await stream.write(new Uint8Array(16 * 1024));
}

/** A stream of its own there and back: whatever was sent before has had the time to arrive. */
async function roundTrip(from: CarrierConnection, to: CarrierConnection): Promise<void> {
  const [ours, theirs] = await openPair(from, to, text('.'));
  await ours.finish();
  await echo(theirs);
  await readAll(ours);
}

function keysOf(connection: CarrierConnection): { readonly dialer: Uint8Array; readonly listener: Uint8Array } {
  expect(connection.binding.kind).toBe('keys');
  return connection.binding as Extract<CarrierConnection['binding'], { readonly kind: 'keys' }>;
}
