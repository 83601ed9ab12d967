import { randomBytes } from 'node:crypto';
import {
  type Client,
  connectSession,
  createCrypto,
  createPinnedIdentity,
  createPinnedVerifier,
  createQuicCarrier,
  createRpcClient,
  equalBytes,
  type QuicCarrier,
  type Session,
  singleSession,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import { benchError } from '../errors.ts';
import { latency, type Metric, perRun } from '../report/metric.ts';
import { median } from '../report/statistics.ts';
import { pipelineMs, sampleMs } from '../sampling.ts';
import type { SuiteContext } from '../suite.ts';
import { createBulkLoad } from './bulk.ts';
import { type PeerProcess, startPeer } from './peer-process.ts';
import { type BenchMethods, benchContract, ECHO_BYTES } from './protocol.ts';

/** How much is measured; the command's own sizes by default. */
export interface StoqSizes {
  readonly bulkMebibytes: number;
  readonly calls: number;
  readonly pipelinedCalls: number;
  readonly handshakes: number;
}

const SIZES: StoqSizes = { bulkMebibytes: 128, calls: 400, pipelinedCalls: 6_000, handshakes: 12 };
const WRITE_BYTES = 1024 * 1024;
// The engine compiles what a call runs through in its first thousand calls: until then one takes two to four times as long.
const WARM_UP = { bulk: 1, calls: 1_000, handshakes: 3 } as const;
const CALLS_IN_FLIGHT = 64;

/** Two processes on loopback: this one sends and calls, the peer receives and answers. */
interface Link {
  readonly carrier: QuicCarrier;
  readonly peer: PeerProcess;
  connect(address: string): Promise<Session>;
}

export async function* measureStoq(
  { runs, signal, onProgress }: Omit<SuiteContext, 'mesh'>,
  sizes: StoqSizes = SIZES,
): AsyncGenerator<Metric> {
  await using opened = new AsyncDisposableStack();
  onProgress('stoq: starting the peer process');
  const link = await openLink(opened, signal);
  yield* measureBulk(link, runs, sizes, signal);
  yield* measureCalls(link, runs, sizes);
  yield await measureHandshake(link, runs, sizes);
}

async function openLink(opened: AsyncDisposableStack, signal: AbortSignal): Promise<Link> {
  const crypto = await createCrypto();
  opened.defer(() => crypto.close());
  const [classical, postQuantum] = await Promise.all([crypto.generateKeyPair('ed25519'), crypto.generateKeyPair('falcon1024')]);
  const signer = crypto.createHybridSigner(classical, postQuantum);
  const peer = opened.use(await startPeer(signer.publicKey));
  const verifier = createPinnedVerifier([{ key: peer.ready.key, roles: ['node'] }]);
  const carrier = createQuicCarrier();
  opened.defer(() => carrier.close());
  return {
    carrier,
    peer,
    connect: async (address) =>
      connectSession({
        connection: await carrier.dial(address, { signal }),
        identity: createPinnedIdentity(signer),
        expect: 'pinned',
        verifier,
        crypto,
        clock: systemClock,
        entropy: systemEntropy,
        signal,
      }),
  };
}

/** One stream a turn; raw carrier and sealed session take turns, so that both see the same machine. */
async function* measureBulk(link: Link, runs: number, { bulkMebibytes }: StoqSizes, signal: AbortSignal): AsyncGenerator<Metric> {
  const { carrier, peer } = link;
  const load = createBulkLoad(bulkMebibytes, WRITE_BYTES);
  const connection = await carrier.dial(peer.ready.raw, { signal });
  const session = await link.connect(peer.ready.sealed);
  const raw: number[] = [];
  const sealed: number[] = [];
  for (let turn = 0; turn < WARM_UP.bulk + runs; turn++) {
    const viaCarrier = await transferred(peer, load, await connection.openStream({ signal }));
    const viaSession = await transferred(peer, load, await session.openStream({ signal }));
    if (turn < WARM_UP.bulk) continue;
    raw.push(viaCarrier);
    sealed.push(viaSession);
  }
  await session.close();
  connection.close();
  const params = { bytes: load.bytes, writeBytes: WRITE_BYTES, warmUp: WARM_UP.bulk, processes: 2, streams: 1, verified: 'sha256' };
  const baseline = { name: 'raw carrier, gbps', value: median(raw) };
  yield { ...perRun('stoq.bulk.gbps', 'gbps', sealed, params), baseline };
  const ratios = sealed.map((gbps, run) => gbps / (raw[run] as number));
  yield { ...perRun('stoq.bulk.ratio_raw', 'ratio', ratios, { ...params, order: 'interleaved' }), baseline };
}

async function transferred(
  peer: PeerProcess,
  load: ReturnType<typeof createBulkLoad>,
  stream: Parameters<typeof load.send>[0],
): Promise<number> {
  const [received] = await Promise.all([peer.received(), load.send(stream)]);
  return load.goodput(received);
}

async function* measureCalls(link: Link, runs: number, { calls, pipelinedCalls }: StoqSizes): AsyncGenerator<Metric> {
  const session = await link.connect(link.peer.ready.rpc);
  const client = createRpcClient(benchContract, singleSession(session), { clock: systemClock });
  const params = { payloadBytes: ECHO_BYTES, warmUp: WARM_UP.calls, processes: 2 };
  const samples = await sampleMs(calls * runs, WARM_UP.calls, () => echo(client));
  yield latency('stoq.rpc.ms', samples, params);
  const rates: number[] = [];
  for (let run = 0; run < runs; run++) {
    rates.push((pipelinedCalls * 1000) / (await pipelineMs(pipelinedCalls, CALLS_IN_FLIGHT, () => echo(client))));
  }
  yield perRun('stoq.rpc.per_s', 'per_s', rates, { ...params, inFlight: CALLS_IN_FLIGHT, sessions: 1, callsPerRun: pipelinedCalls });
  await session.close();
}

async function echo(client: Client<BenchMethods>): Promise<void> {
  const payload = Uint8Array.from(randomBytes(ECHO_BYTES));
  const answer = await client.echo({ payload });
  if (!equalBytes(answer.payload, payload)) throw benchError('bench.data_wrong', { bytes: answer.payload.length });
}

/** From dialling to the established session; both sides sign and verify with FALCON and Ed25519. */
async function measureHandshake(link: Link, runs: number, { handshakes }: StoqSizes): Promise<Metric> {
  const open: Session[] = [];
  const samples = await sampleMs(handshakes * runs, WARM_UP.handshakes, async () => {
    open.push(await link.connect(link.peer.ready.rpc));
  });
  await Promise.all(open.map((session) => session.close()));
  return latency('stoq.handshake.ms', samples, { warmUp: WARM_UP.handshakes, processes: 2, mutual: true, includes: 'carrier connection' });
}
