import { createMemoryCarrier, createMemoryNetwork } from '@hypermesh/stoq';
import { describeCarrier } from '../compliance.ts';

describeCarrier('memory', () => {
  const network = createMemoryNetwork();
  const silentHost = 'silent';
  return {
    create: (options = {}) => {
      const carrier = createMemoryCarrier(network, options);
      network.hold(carrier.host, silentHost);
      return carrier;
    },
    addresses: ['127.0.0.1:0', '[::1]:0'],
    nobody: async () => ({ address: '10.0.0.1:9', code: 'stoq.carrier_refused' }),
    silent: async () => ({ address: `${silentHost}:9`, close: () => {} }),
    badAddresses: ['127.0.0.1', '127.0.0.1:65536', '127.0.0.1:01', '[::1', '::1:1', ''],
    unreadBytesMax: 256 * 1024,
  };
});
