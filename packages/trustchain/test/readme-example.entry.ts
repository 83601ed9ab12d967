import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCrypto, createHost, createQuicCarrier, systemClock, systemEntropy } from '@hypermesh/stoq';
import { createHealth, createLogger, createMetrics } from '@hypermesh/stoq/host';
import { createMesh, createMeshPlan, createTrustchaind, trustchainConfigSchema, writeMesh } from '@hypermesh/trustchain';
import { openMembership } from '@hypermesh/trustchain/client';

const crypto = await createCrypto();
const directory = join(await mkdtemp(join(tmpdir(), 'mesh-')), 'mesh');
const homeOf = (name: string): string => join(directory, 'nodes', name);
const port = 20_000 + (process.pid % 20_000);

// Offline: keys, certificates, genesis and join tokens.
const plan = createMeshPlan({
  meshName: 'example',
  trustchaind: [`127.0.0.1:${port}`],
  validators: [{ name: 'node-1', addresses: [`127.0.0.1:${port + 1}`] }],
  supplyUnits: 1_000_000_000n * 1_000_000_000n,
  user: 'alice',
  endowment: 0n,
});
const { files } = await createMesh(plan, { crypto, entropy: systemEntropy, clock: systemClock });
await writeMesh(directory, files);

// The authority.
const trustchaind = await createTrustchaind({
  config: trustchainConfigSchema.parse({ home: homeOf('trustchaind'), listen: [`127.0.0.1:${port}`] }),
  configFile: undefined,
  logger: createLogger({ name: 'trustchaind', level: 'warn' }),
  metrics: createMetrics({ name: 'trustchaind' }),
  health: createHealth(),
  signal: new AbortController().signal,
});
await trustchaind.start();

// A member: enrols by the token in its home, and from then on renews by itself.
const signal = AbortSignal.timeout(30_000);
const components = {
  crypto,
  clock: systemClock,
  entropy: systemEntropy,
  onError: (error: unknown) => process.stderr.write(`${String(error)}\n`),
};
const membership = await openMembership({ home: homeOf('alice') }, components, { signal });
const { identities, verifier } = membership;
const host = createHost({ ...components, carriers: [createQuicCarrier()], verifier }, { identities, listen: [] });
const following = membership.follow(host);
await host.start();
await following.start();

const { phase } = await following.client.roots({ afterPolicy: 0 }, { signal });
const { checkpoint } = await following.client['log.checkpoint']({ log: 'certificates' }, { signal });
const [origin, size] = new TextDecoder().decode(checkpoint).split('\n');
process.stdout.write(`phase ${phase}, ${size} certificate in ${origin}\n`);

await following.stop();
await host.stop();
await trustchaind.stop();
await crypto.close();
