import { type AddressInfo, createServer } from 'node:net';
import { daemonConfigShape, runDaemon } from '@hypermesh/stoq/host';
import { z } from 'zod';

/** A daemon that holds a TCP port and, when told so, misbehaves as real ones may. */
const behaviours = ['good', 'fails-to-start', 'rejects-later', 'never-stops', 'leaves-a-timer'] as const;
const schema = z.strictObject({ ...daemonConfigShape, behaviour: z.enum(behaviours).default('good') });

await runDaemon({
  name: 'sampled',
  schema,
  stopMsMax: 1_000,
  async create({ config, logger }) {
    const server = createServer();
    return {
      async start() {
        if (config.behaviour === 'fails-to-start') await Promise.reject(Object.assign(new RangeError('no such disk')));
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        if (config.behaviour === 'rejects-later') setTimeout(() => void Promise.reject(new RangeError('nobody waits')), 10);
        if (config.behaviour === 'leaves-a-timer') setInterval(() => {}, 1_000_000);
      },
      async stop() {
        logger.info({ token: 'not to be seen' }, 'closing');
        if (config.behaviour === 'never-stops') await new Promise(() => setInterval(() => {}, 1_000_000));
        await new Promise((resolve) => server.close(resolve));
      },
      addresses: () => ({ tcp: `127.0.0.1:${(server.address() as AddressInfo).port}` }),
    };
  },
});
