import type { Crypto } from '@hypermesh/stoq';
import type { Daemon } from '@hypermesh/stoq/host';

/** The daemon, whose signing threads end after it. */
export function withCrypto(daemon: Daemon, crypto: Crypto): Daemon {
  return {
    addresses: () => daemon.addresses(),
    start: () => daemon.start(),
    async stop() {
      await daemon.stop();
      await crypto.close();
    },
  };
}
