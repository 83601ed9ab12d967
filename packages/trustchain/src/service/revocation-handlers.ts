import { type CallContext, type Clock, equalBytes, type Handlers, hashLabelled } from '@hypermesh/stoq';
import type { CertificateState, RevocationMessage, TrustchainMethods } from '../api.ts';
import { trustError } from '../errors.ts';
import { nodeIdOf } from '../genesis/ids.ts';
import { type KeyedTurns, turnOfNode } from '../log/keyed-turns.ts';
import type { LogReceipt } from '../log/pending-entry.ts';
import { assertApproved, type IssuancePolicy } from '../policy/policy.ts';
import type { RevocationLog } from '../revocation/revocation-log.ts';
import { decodeRevocationUpdate } from '../revocation/update.ts';
import type { Register, RegisteredCertificate } from './register.ts';

export interface RevocationService {
  readonly clock: Clock;
  readonly meshId: Uint8Array;
  readonly register: Register;
  readonly revocations: RevocationLog;
  /** The policy of the present phase: it judges revocations by others than the key holder. */
  readonly policy: () => IssuancePolicy;
  /** Of the certificates of a node: none is issued while they are revoked. */
  readonly turns: KeyedTurns;
  /** Called after each revocation request that was carried out. */
  readonly revoked: () => void;
}

type RevocationMethods = Pick<TrustchainMethods, 'revoke' | 'status' | 'revocation.snapshot' | 'revocation.delta' | 'revocation.watch'>;

export function createRevocationHandlers(service: RevocationService): Handlers<RevocationMethods> {
  const { clock, register, revocations, turns } = service;
  return {
    async revoke(message, context) {
      const certificate = await register.bySerial(message.serial);
      await assertMayRevoke(certificate, context, service);
      const receipt = await turns.run([turnOfNode(certificate.nodeId)], () => revokeAll(message, certificate, context, service));
      service.revoked();
      return receipt;
    },
    async status({ serial }) {
      const { logIndex, nodeId, notAfter } = await register.bySerial(serial);
      return { serial, state: stateOf(serial, notAfter), logIndex, nodeId, notAfter };
    },
    'revocation.snapshot': async () => ({ update: revocations.update() }),
    'revocation.delta': async ({ from }) => ({ update: revocations.update(from) }),
    async *'revocation.watch'({ from }, { signal }) {
      let next = from;
      for (;;) {
        // Subscribed before the read, so that no change falls between the two.
        const changed = nextChange(revocations, signal);
        const update = revocations.update(next);
        yield { update };
        next += decodeRevocationUpdate(update).entries.length;
        if (!(await changed)) return;
      }
    },
  };

  function stateOf(serial: string, notAfter: number): CertificateState {
    if (revocations.find(serial) !== null) return 'revoked';
    return clock.now() > notAfter ? 'expired' : 'valid';
  }
}

/** True at the next head, false when the signal aborts. */
function nextChange(revocations: RevocationLog, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const end = (): void => resolve(false);
  const unsubscribe = revocations.onChange(() => resolve(true));
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  return promise.finally(() => {
    unsubscribe();
    signal.removeEventListener('abort', end);
  });
}

/** The key holder at once; an operator with the verdict of the present phase. Throws `trustchain.revocation_refused`. */
async function assertMayRevoke(
  certificate: RegisteredCertificate,
  { peer, signal }: CallContext,
  service: RevocationService,
): Promise<void> {
  if (equalBytes(certificate.nodeId, nodeIdOf(peer.key.postQuantum))) return;
  if (peer.restricted || !peer.roles.includes('operator'))
    throw trustError('trustchain.revocation_refused', { serial: certificate.serial });
  const verdict = await service.policy().decide(
    {
      meshId: service.meshId,
      kind: 'revoke',
      requestHash: hashLabelled('hypermesh/revocation-request/1', Buffer.from(certificate.serial, 'hex')),
      nodeId: certificate.nodeId,
      requester: nodeIdOf(peer.key.postQuantum),
      roles: certificate.roles,
      names: certificate.names,
      tokenHash: null,
      askedAt: service.clock.now(),
    },
    { signal },
  );
  assertApproved(verdict);
}

/** A superseded certificate goes alone; for any other reason the node's other current certificates go with it. */
async function revokeAll(
  { serial, reason, invalidityDate }: RevocationMessage,
  { nodeId }: RegisteredCertificate,
  { peer, signal }: CallContext,
  { clock, register, revocations }: RevocationService,
): Promise<LogReceipt> {
  const others = reason === 'superseded' ? [] : await register.currentOf(nodeId, clock.now());
  const serials = [serial, ...others.map((other) => other.serial).filter((other) => other !== serial)];
  const revoker = nodeIdOf(peer.key.postQuantum);
  const receipts = await Promise.all(
    serials.map((each) => revocations.revoke({ serial: each, reason, invalidityDate, revoker }, { signal })),
  );
  return receipts[0] as LogReceipt;
}
