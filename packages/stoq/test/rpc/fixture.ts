import { afterEach, expect } from 'vitest';
import {
  type CallReport,
  type Client,
  CodedError,
  createRpcClient,
  createRpcServer,
  type PeerIdentity,
  type RpcServer,
  type RpcServerConfig,
  type Session,
  singleSession,
} from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { SampleLog, sampleContract, sampleHandlers, type SampleMethods } from './sample-service.ts';
import { type SessionPair, sessionPair } from './session-pair.ts';

/** A served sample contract, its client, and what both have seen. */
export interface Fixture extends SessionPair {
  readonly calls: Client<SampleMethods>;
  readonly rpc: RpcServer;
  readonly log: SampleLog;
  readonly clientClock: SteppedClock;
  readonly serverClock: SteppedClock;
  readonly reports: CallReport[];
}

const open: Session[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((session) => session.close({ graceMs: 0 })));
});

export function openCalls(peer: Partial<PeerIdentity> = {}, config: RpcServerConfig = {}): Fixture {
  const pair = sessionPair({ client: peer });
  open.push(pair.client, pair.server);
  const [clientClock, serverClock] = [new SteppedClock(), new SteppedClock()];
  const log = new SampleLog();
  const reports: CallReport[] = [];
  const observer = { called: (report: CallReport) => void reports.push(report) };
  const rpc = createRpcServer({ clock: serverClock, observer }, config);
  rpc.serve(sampleContract, sampleHandlers(log));
  void rpc.attach(pair.server);
  const calls = createRpcClient(sampleContract, singleSession(pair.client), { clock: clientClock, observer });
  return { ...pair, calls, rpc, log, clientClock, serverClock, reports };
}

export async function failureOf(call: Promise<unknown>): Promise<CodedError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CodedError);
  return error as CodedError;
}

export async function collect<T>(values: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const value of values) into.push(value);
  return into;
}
