import { systemClock } from '@hypermesh/stoq';
import { createAgent } from '../../src/agent/agent.ts';
import { bootClock } from '../../src/agent/boot-clock.ts';
import { createProcessDriver } from '../runtime/process-driver.ts';

// A process with an agent that runs one exclusive workload under a lease of so many milliseconds.
const [directory, leaseMs] = process.argv.slice(2) as [string, string];
const deadline = bootClock() + Number(leaseMs);

const agent = createAgent({
  desired: {
    placements: () => [
      {
        id: 'alone-1',
        lease: 1,
        app: 'alone',
        packageRoot: new Uint8Array(32),
        manifest: new Uint8Array(32),
        env: {},
        args: [],
        limits: { memoryBytesMax: 1, pidsMax: 1, cpuMillis: 1, fuelPerRequest: 1n, requestMsMax: 1 },
        health: null,
        exclusive: true,
      },
    ],
    closing: () => [],
    lease: () => ({ number: 1, deadline }),
    onChange: () => () => undefined,
  },
  packages: { fetch: async () => ({ directory, kind: 'program', entry: 'program' }) },
  drivers: [createProcessDriver()],
  clock: systemClock,
  bootClock,
  report({ id, lease, state }) {
    if (state === 'ready') process.stdout.write(`${JSON.stringify({ pid: agent.workload(id, lease).pids[0], deadline })}\n`);
  },
  stateDirectory: directory,
});
await agent.start();
