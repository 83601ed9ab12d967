import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DaemonProcess, freeUdpPorts, startDaemon } from '@hypermesh/devnet';
import { type Crypto, systemClock, systemEntropy } from '@hypermesh/stoq';
import { createMesh, createMeshPlan, TRUSTCHAIND_NAME, writeMesh } from '@hypermesh/trustchain';
import { type Member, openMember } from '@hypermesh/trustchain/client';

/** trustchaind in a process of its own, and its operator in this one. */
export interface Authority {
  readonly daemon: DaemonProcess;
  readonly operator: Member;
}

const OPERATOR = 'operator';
// The limit protects trustchaind from one caller; here one caller is all there is.
const RATE_LIMIT = { burstUnits: 1_000_000, unitsPerSecond: 1_000_000 } as const;
const STOP_GRACE_MS = 5_000;

/** A mesh in its first phase, where a join token is what a newcomer needs: with its authority alone. */
export async function startAuthority(opened: AsyncDisposableStack, crypto: Crypto, signal: AbortSignal): Promise<Authority> {
  const parent = await mkdtemp(join(tmpdir(), 'hypermesh-bench-'));
  opened.defer(() => rm(parent, { recursive: true, force: true }));
  const directory = join(parent, 'mesh');
  const homeOf = (name: string): string => join(directory, 'nodes', name);
  const [port = 0, validatorPort = 0] = await freeUdpPorts(2);
  const address = `127.0.0.1:${port}`;
  const plan = createMeshPlan({
    meshName: 'bench',
    trustchaind: [address],
    validators: [{ name: 'node-1', addresses: [`127.0.0.1:${validatorPort}`] }],
    supplyUnits: 1n,
    user: OPERATOR,
    endowment: 0n,
  });
  const members = plan.members.filter(({ name }) => name === OPERATOR);
  const mesh = await createMesh({ ...plan, members, endowments: [] }, { crypto, entropy: systemEntropy, clock: systemClock });
  await writeMesh(directory, mesh.files);
  const configFile = join(parent, 'trustchaind.yaml');
  await writeFile(configFile, JSON.stringify({ home: homeOf(TRUSTCHAIND_NAME), listen: [address], rateLimit: RATE_LIMIT }), {
    mode: 0o600,
  });
  const daemon = await startDaemon({ kind: 'trustchaind', name: TRUSTCHAIND_NAME, configFile, logFile: join(parent, 'log') }, signal);
  opened.defer(() => daemon.stop({ graceMs: STOP_GRACE_MS }).then(() => undefined));
  return { daemon, operator: await openOperator(opened, homeOf(OPERATOR), crypto, signal) };
}

async function openOperator(opened: AsyncDisposableStack, home: string, crypto: Crypto, signal: AbortSignal): Promise<Member> {
  const components = { crypto, clock: systemClock, entropy: systemEntropy, onError: () => undefined };
  const operator = await openMember({ home, listen: [] }, components, { signal });
  await operator.host.start();
  opened.defer(() => operator.host.stop({ graceMs: 0 }));
  await operator.following.start();
  opened.defer(() => operator.following.stop());
  await operator.ready(signal);
  return operator;
}
