import type { Clock, Entropy, Handlers } from '@hypermesh/stoq';
import type { TrustchainMethods, TrustRoots } from '../api.ts';
import type { Issuer } from '../ca/issuer.ts';
import type { Enrolment } from '../enrolment/enrolment.ts';
import type { Invitations } from '../enrolment/invitations.ts';
import { formatJoinToken, JOIN_SECRET_BYTES, type JoinToken, tokenHashOf } from '../enrolment/join-token.ts';
import { trustError } from '../errors.ts';
import { nodeIdOf } from '../genesis/ids.ts';
import type { Log } from '../log/log.ts';
import type { Register, RegisteredCertificate } from './register.ts';

export interface EnrolmentService {
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Encoded. */
  readonly genesis: Uint8Array;
  readonly enrolment: Enrolment;
  readonly invitations: Invitations;
  readonly issuer: Issuer;
  readonly register: Register;
  readonly certificates: Pick<Log, 'entry'>;
  readonly roots: (afterPolicy: number) => TrustRoots;
  /** What every join token of this mesh says besides its secret. */
  readonly contact: () => Omit<JoinToken, 'secret' | 'roles' | 'names'>;
}

type EnrolmentMethods = Pick<
  TrustchainMethods,
  'enroll.genesis' | 'enroll.challenge' | 'enroll.submit' | 'renew' | 'bundle' | 'roots' | 'admin.invite'
>;

export function createEnrolmentHandlers(service: EnrolmentService): Handlers<EnrolmentMethods> {
  const { clock, entropy, enrolment, invitations, register } = service;
  return {
    'enroll.genesis': async () => ({ genesis: service.genesis }),
    'enroll.challenge': ({ request, secret }, { peer }) => enrolment.challenge(request, secret, peer),
    async 'enroll.submit'({ secret, ...submission }, { peer, signal }) {
      return { bundle: await enrolment.enrol(submission, secret, peer, { signal }) };
    },
    async renew(submission, { peer, signal }) {
      return { bundle: await enrolment.renew(submission, peer, { signal }) };
    },
    async bundle({ serial }, { peer }) {
      // A bare key gets its own certificate only: the holder of an outdated bundle comes by this way.
      const nodeId = nodeIdOf(peer.key.postQuantum);
      const known = serial === null ? await register.byNode(nodeId) : await register.bySerial(serial);
      if (known === null) throw trustError('trustchain.serial_unknown');
      if (peer.kind === 'raw-key' && Buffer.compare(known.nodeId, nodeId) !== 0) throw trustError('trustchain.serial_unknown');
      return { bundle: await bundleOf(known, service) };
    },
    roots: async ({ afterPolicy }) => service.roots(afterPolicy),
    async 'admin.invite'({ roles, names, lifetimeMs }) {
      const contact = service.contact();
      const secret = entropy.bytes(JOIN_SECRET_BYTES);
      const expiresAt = clock.now() + lifetimeMs;
      await invitations.add([{ tokenHash: tokenHashOf(contact.meshId, secret), roles, names, expiresAt }]);
      return { token: formatJoinToken({ ...contact, secret, roles, names }), expiresAt };
    },
  };
}

async function bundleOf({ logIndex }: RegisteredCertificate, { issuer, certificates }: EnrolmentService): Promise<Uint8Array> {
  return issuer.bundleOf(await certificates.entry(logIndex), logIndex);
}
