// The other end: a process of its own that receives streams and answers calls until its channel to the parent closes.
import {
  acceptSession,
  type CarrierConnection,
  createCrypto,
  createPinnedIdentity,
  createPinnedVerifier,
  createQuicCarrier,
  createRpcServer,
  type Session,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import { benchContract, type PeerReady, type PeerRequest } from './protocol.ts';
import { receive } from './receiver.ts';

const READ_BYTES = 256 * 1024;

const crypto = await createCrypto();
const [classical, postQuantum] = await Promise.all([crypto.generateKeyPair('ed25519'), crypto.generateKeyPair('falcon1024')]);
const signer = crypto.createHybridSigner(classical, postQuantum);
const identity = createPinnedIdentity(signer);
const carrier = createQuicCarrier();
const rpc = createRpcServer({ clock: systemClock });
rpc.serve(benchContract, { echo: async ({ payload }) => ({ payload }) });

process.once('message', ({ clientKey }: PeerRequest) => {
  const verifier = createPinnedVerifier([{ key: clientKey, roles: ['node'] }]);
  const accept = (connection: CarrierConnection): Promise<Session> =>
    acceptSession({
      connection,
      verifier,
      crypto,
      clock: systemClock,
      entropy: systemEntropy,
      identities: () => [identity],
      signal: new AbortController().signal,
    });
  void serve(async (connection) => rpc.attach(await accept(connection)), accept);
});

async function serve(
  answer: (connection: CarrierConnection) => Promise<void>,
  accept: (connection: CarrierConnection) => Promise<Session>,
): Promise<void> {
  const listen = (take: (connection: CarrierConnection) => Promise<void>): Promise<{ readonly address: string }> =>
    carrier.listen('127.0.0.1:0', (connection) => void take(connection).catch(fail));
  const [raw, sealed, calls] = await Promise.all([
    listen(async (connection) => {
      for (let stream = await connection.acceptStream(); stream !== null; stream = await connection.acceptStream()) {
        report(await receive(stream.read.bind(stream, READ_BYTES)));
      }
    }),
    listen(async (connection) => {
      const session = await accept(connection);
      for (let stream = await session.acceptStream(); stream !== null; stream = await session.acceptStream()) {
        report(await receive(stream.read.bind(stream)));
        await stream.finish();
      }
    }),
    listen(answer),
  ]);
  report({ kind: 'ready', key: signer.publicKey, raw: raw.address, sealed: sealed.address, rpc: calls.address } satisfies PeerReady);
}

function report(message: object): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  process.stderr.write(`bench peer: ${String(error)}\n`);
}

process.once('disconnect', () => process.exit());
