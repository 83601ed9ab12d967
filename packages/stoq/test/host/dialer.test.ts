import { beforeEach, describe, expect, it } from 'vitest';
import { type Address, createMemoryCarrier, createMemoryNetwork, type LocalIdentity, type MemoryNetwork, stoqError } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { createDialer, type Dial, DIAL_MS_MAX, type DialerComponents, HEAD_START_MS } from '../../src/host/dialer.ts';
import { sessionPair } from '../rpc/session-pair.ts';

let clock: SteppedClock;
let network: MemoryNetwork;
const identity: LocalIdentity = { kind: 'bundle', bundle: () => new Uint8Array(), signer: () => expect.unreachable() };

beforeEach(() => {
  clock = new SteppedClock();
  network = createMemoryNetwork({ timer: clock });
});

async function listenAt(...addresses: readonly Address[]): Promise<void> {
  const carrier = createMemoryCarrier(network);
  for (const address of addresses) await carrier.listen(address, () => {});
}

function dialer(handshake: DialerComponents['handshake'] = async () => sessionPair().client): Dial {
  const carriers = [createMemoryCarrier(network, { host: 'own', connectTimeoutMs: DIAL_MS_MAX * 2 })];
  return createDialer({ clock, carriers, identities: () => [identity], handshake });
}

const target = (...addresses: readonly Address[]): Parameters<Dial>[0] => ({ addresses, expect: 'bundle' });
const signal = (): AbortSignal => new AbortController().signal;
const turn = (): Promise<void> => new Promise(setImmediate);

describe('a dial', () => {
  it('asks for the kind and the id of the target, with the wanted identity', async () => {
    await listenAt('peer:1');
    const id = new Uint8Array(32).fill(3);
    const asked: unknown[] = [];
    await dialer(async ({ expect: kind, expectId, identity: shown }) => {
      asked.push(kind, expectId, shown.kind);
      return sessionPair().client;
    })({ addresses: ['peer:1'], expect: 'set-entry', as: 'bundle', id }, signal());
    expect(asked).toEqual(['set-entry', id, 'bundle']);
  });

  it('goes on to the next address when one is silent, and aborts that', async () => {
    await listenAt('silent:1', 'peer:1');
    network.hold('own', 'silent');
    const dialled = dialer()(target('silent:1', 'peer:1'), signal());
    await turn();
    clock.step(HEAD_START_MS);
    expect((await dialled).role).toBe('client');
    expect(clock.timers).toBeLessThanOrEqual(1);
  });

  it('ends what another address has won', async () => {
    await listenAt('slow:1', 'fast:1');
    const slow = sessionPair();
    const late = Promise.withResolvers<typeof slow.client>();
    const dialled = dialer(({ connection }) =>
      connection.remoteAddress === 'slow:1' ? late.promise : Promise.resolve(sessionPair().client),
    )(target('slow:1', 'fast:1'), signal());
    await turn();
    clock.step(HEAD_START_MS);
    await dialled;
    late.resolve(slow.client);
    expect(await slow.client.ended).toMatchObject({ code: 'stoq.session_closed' });
  });

  it.each<[string, readonly Address[], unknown, string]>([
    ['what a peer said over a dead address', ['dead:1', 'peer:1'], stoqError('stoq.handshake_version'), 'stoq.handshake_version'],
    ['a dead address over a foreign one', ['not an address', 'dead:1'], null, 'stoq.carrier_refused'],
    ['an exception over all', ['peer:1', 'dead:1', 'nonsense'], new RangeError('broken'), 'untyped'],
  ])('reports %s', async (_, addresses, failure, code) => {
    await listenAt('peer:1');
    const dialled = dialer(async () => Promise.reject(failure as Error))(target(...addresses), signal());
    const error = await dialled.catch((reason: unknown) => reason);
    expect((error as { code?: string }).code ?? 'untyped').toBe(code);
  });

  it('gives up at its deadline', async () => {
    await listenAt('silent:1');
    network.hold('own', 'silent');
    const dialled = dialer()(target('silent:1'), signal());
    await turn();
    clock.step(DIAL_MS_MAX);
    await expect(dialled).rejects.toMatchObject({ code: 'stoq.carrier_timeout', data: { timeoutMs: DIAL_MS_MAX } });
  });

  it('gives up with its caller', async () => {
    await listenAt('silent:1');
    network.hold('own', 'silent');
    const caller = new AbortController();
    const dialled = dialer()(target('silent:1'), caller.signal);
    await turn();
    caller.abort(stoqError('stoq.rpc_cancelled'));
    await expect(dialled).rejects.toMatchObject({ code: 'stoq.rpc_cancelled' });
    await expect(dialer()(target('silent:1'), caller.signal)).rejects.toMatchObject({ code: 'stoq.rpc_cancelled' });
  });

  it('refuses a kind that this host has no identity of', async () => {
    await expect(dialer()({ ...target('peer:1'), as: 'raw-key' }, signal())).rejects.toMatchObject({ code: 'stoq.identity_refused' });
    expect(() => createDialer({ clock, carriers: [], identities: () => [], handshake: async () => expect.unreachable() })).toThrow(
      /carrier/,
    );
  });
});
