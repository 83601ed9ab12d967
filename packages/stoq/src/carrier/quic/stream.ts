import { strict as assert } from 'node:assert';
import { stoqError } from '../../errors.ts';
import type { CarrierStream } from '../carrier.ts';
import type { NativeStream } from './binding.ts';
import { carrierFailure } from './failures.ts';

// Below 64 KiB the binding's cost per call dominates; above 256 KiB nothing is gained.
const READ_BYTES_MAX: number = 256 * 1024;

/**
 * One QUIC stream. `onDone` is called once, when neither direction will be used again; until then the caller keeps
 * the stream referenced, because a collected handle looks like a clean end to the peer.
 */
export function createQuicStream(native: NativeStream, onDone: () => void): CarrierStream {
  const receiving = createHalf();
  const sending = createHalf();
  let ended = false;
  let finished = false;
  let done = false;

  const settle = (): void => {
    if (done || !(ended || receiving.failed()) || !(finished || sending.failed())) return;
    done = true;
    onDone();
  };

  return {
    async read(bytesMax) {
      assert(bytesMax > 0, 'a read asks for at least one byte');
      if (ended) return null;
      try {
        const bytes = await receiving.run(() => native.read(Math.min(bytesMax, READ_BYTES_MAX)));
        ended = bytes === null;
        return bytes;
      } finally {
        settle();
      }
    },
    async write(bytes) {
      if (finished) throw stoqError('stoq.carrier_closed', { reason: 'finished' });
      try {
        await sending.run(() => native.write(bytes));
      } finally {
        settle();
      }
    },
    async finish() {
      if (finished) return;
      finished = true;
      try {
        await sending.run(() => native.finishWrite());
      } finally {
        settle();
      }
    },
    abort() {
      const givenUp = stoqError('stoq.carrier_closed', { reason: 'aborted' });
      // A read or write under way holds the native side: its reset follows when the peer sends or reads again.
      if (!ended && receiving.fail(givenUp)) native.stopRead().catch(ignore);
      if (sending.fail(givenUp)) native.resetWrite().catch(ignore);
      settle();
    },
  };
}

interface Half {
  /** One operation at a time; rethrows the first failure for ever. */
  run<T>(operation: () => Promise<T>): Promise<T>;
  /** False if it had failed before. */
  fail(error: Error): boolean;
  failed(): boolean;
}

/** One direction: the first failure is kept, since the binding answers later calls as if all were well. */
function createHalf(): Half {
  let failure: Error | undefined;
  let rejectPending: ((error: Error) => void) | undefined;

  const fail = (error: Error): boolean => {
    if (failure !== undefined) return false;
    failure = error;
    rejectPending?.(error);
    return true;
  };

  return {
    fail,
    failed: () => failure !== undefined,
    run<T>(operation: () => Promise<T>): Promise<T> {
      if (failure !== undefined) return Promise.reject(failure);
      assert(rejectPending === undefined, 'one read and one write at a time');
      return new Promise<T>((resolve, reject) => {
        rejectPending = reject;
        operation().then(
          (value) => {
            rejectPending = undefined;
            resolve(value);
          },
          (cause: unknown) => {
            rejectPending = undefined;
            fail(carrierFailure(cause, 'stream'));
            reject(failure as Error);
          },
        );
      });
    },
  };
}

// The stream or its connection has ended meanwhile, which is what was wanted.
function ignore(): void {}
