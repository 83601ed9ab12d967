import {
  type Address,
  type Carrier,
  type CallContext,
  type Clock,
  type CodedError,
  type Contract,
  createHost,
  createQuicCarrier,
  defineContract,
  type Host,
  type LocalIdentity,
  type MethodSpec,
  type SessionEvent,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import { z } from 'zod';
import { createIdentityVerifier } from '../../src/verification/identity-verifier.ts';
import type { MeshFixture } from '../verification/fixtures.ts';

type EchoMethods = { readonly echo: MethodSpec<{ readonly text: string }, { readonly text: string }> };

export const echoContract: Contract<EchoMethods> = defineContract({
  name: 'secret-service',
  version: 1,
  methods: {
    echo: {
      kind: 'unary',
      roles: 'any',
      idempotent: true,
      request: z.strictObject({ text: z.string() }),
      response: z.strictObject({ text: z.string() }),
      requestBytesMax: 1024 * 1024,
      responseBytesMax: 1024 * 1024,
      deadlineMs: 10_000,
    },
  },
});

export interface Peer {
  readonly host: Host;
  /** Codes of the peers that came and got no session, oldest first. */
  readonly refused: string[];
  /** Peers of the sessions that were opened. */
  readonly opened: string[];
  readonly callers: CallContext['peer'][];
}

/** A host of the mesh that shows this identity, on a real socket unless it only dials. */
export async function startPeer(
  mesh: MeshFixture,
  identity: LocalIdentity,
  options: { readonly listen?: readonly Address[]; readonly carrier?: Carrier } = {},
): Promise<Peer> {
  const { crypto } = mesh.authority;
  // The mesh's certificates are judged at the mesh's time; timers are real, as the sockets are.
  const clock: Clock = { ...systemClock, now: () => mesh.clock.now() };
  const verifier = createIdentityVerifier({ trust: mesh.trust, revocations: mesh.revocations, clock, crypto });
  const refused: string[] = [];
  const opened: string[] = [];
  const callers: CallContext['peer'][] = [];
  const session = (event: SessionEvent): void => {
    if (event.kind === 'refused') refused.push((event.error as CodedError).code);
    if (event.kind === 'opened') opened.push(event.peer.names.join());
  };
  const host = createHost(
    {
      crypto,
      clock,
      entropy: systemEntropy,
      verifier,
      carriers: [options.carrier ?? createQuicCarrier()],
      observer: { session, called: () => {} },
    },
    { identities: () => [identity], listen: options.listen ?? [] },
  );
  host.serve(echoContract, {
    echo: async ({ text }, { peer }) => {
      callers.push(peer);
      return { text: `${text} answered` };
    },
  });
  await host.start();
  return { host, refused, opened, callers };
}
