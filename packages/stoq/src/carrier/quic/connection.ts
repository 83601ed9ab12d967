import { stoqError } from '../../errors.ts';
import type { CarrierConnection, CarrierStream } from '../carrier.ts';
import { awaitWithPatience } from '../patience.ts';
import type { NativeConnection, NativeStream } from './binding.ts';
import { carrierFailure } from './failures.ts';
import { parseRemoteEnd } from './peer-key.ts';
import { createQuicStream } from './stream.ts';

/** Wraps a native connection. Closes it and throws `stoq.carrier_refused` if the peer proved no usable key. */
export function createQuicConnection(native: NativeConnection, role: CarrierConnection['role'], ownKey: Uint8Array): CarrierConnection {
  const remote = remoteEnd(native);
  const streams = new Set<CarrierStream>();
  let ended = false;

  const closed = native.closed().then(
    () => end(),
    () => end(),
  );
  const end = (): void => {
    ended = true;
    streams.clear();
  };

  const keep = (nativeStream: NativeStream): CarrierStream => {
    const stream = createQuicStream(nativeStream, () => streams.delete(stream));
    streams.add(stream);
    return stream;
  };

  return {
    role,
    remoteAddress: remote.address,
    binding: {
      kind: 'keys',
      dialer: role === 'dialer' ? ownKey : remote.key,
      listener: role === 'dialer' ? remote.key : ownKey,
    },
    closed,
    async openStream(options) {
      const signal = options?.signal;
      signal?.throwIfAborted();
      if (ended) throw stoqError('stoq.carrier_closed');
      const discard = (late: NativeStream): void => createQuicStream(late, () => {}).abort();
      return keep(await awaitWithPatience(openNative(native), { signal, discard }));
    },
    async acceptStream() {
      if (ended) return null;
      try {
        return keep(await native.inboundStream());
      } catch {
        // The only failure of the binding here is the end of the connection.
        return null;
      }
    },
    close() {
      if (!ended) native.abort();
      end();
    },
  };
}

function remoteEnd(native: NativeConnection): ReturnType<typeof parseRemoteEnd> {
  try {
    return parseRemoteEnd(native.remoteMultiaddr());
  } catch (error) {
    native.abort();
    throw error;
  }
}

async function openNative(native: NativeConnection): Promise<NativeStream> {
  try {
    return await native.outboundStream();
  } catch (cause) {
    throw carrierFailure(cause, 'connection');
  }
}
