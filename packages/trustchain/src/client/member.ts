import {
  type Carrier,
  createHost,
  createQuicCarrier,
  formatId,
  type Host,
  type LocalIdentity,
  parseId,
  pause,
  type PeerTarget,
} from '@hypermesh/stoq';
import { decodeBundle } from '../certificate/bundle.ts';
import { parseCertificate } from '../certificate/certificate.ts';
import { trustError } from '../errors.ts';
import { ZONE } from '../init/plan.ts';
import { createResolver, type Resolver } from '../names/resolver.ts';
import { type Following, type Membership, type MembershipComponents, type MembershipConfig, openMembership } from './membership.ts';
import { createTrustClient, type TrustClient, trustchainTarget } from './trust-client.ts';

export interface MemberConfig extends MembershipConfig {
  /** Addresses to serve on; none for a client. */
  readonly listen: readonly string[];
}

export interface MemberComponents extends MembershipComponents {
  /** By default QUIC. */
  readonly carriers?: readonly Carrier[];
}

/** A member of a mesh at work: its host on the network, what keeps it current, and the services that it finds by name. */
export interface Member extends Membership {
  /** Started by the caller, after everything that serves on it. */
  readonly host: Host;
  /** Renews the certificate and follows revocations; runs while the host does. */
  readonly following: Following;
  readonly client: TrustClient;
  readonly resolver: Resolver;
  /** The encoded certificate bundle. */
  bundle(): Uint8Array;
  /**
   * Resolves once revocations are current and the own certificate is valid: before that, peers with certificates are not
   * believed, and do not believe this member. Throws `trustchain.revocation_stale`, `trustchain.certificate_expired`.
   */
  ready(signal: AbortSignal): Promise<void>;
  /** Where a service of the zone answers, e.g. `catalog`. Throws `trustchain.name_unknown`. */
  find(service: string, options: { readonly signal: AbortSignal }): Promise<PeerTarget>;
  /** Makes this member found under a name that its certificate holds. */
  publish(service: string, options: { readonly signal: AbortSignal }): Promise<void>;
}

// Services move with restarts.
const SERVICE_TTL_SECONDS = 30;
const READY_POLL_MS = 25;
const SILENT = { reason: 'TrustChain does not answer' } as const;

/** Opens the membership of a home, enrolling first where that is due, and builds the host of this process. */
export async function openMember(
  config: MemberConfig,
  components: MemberComponents,
  options: { readonly signal: AbortSignal },
): Promise<Member> {
  const membership = await openMembership(config, components, options);
  const { crypto, clock, entropy, carriers = [createQuicCarrier()] } = components;
  const { verifier, identities } = membership;
  return memberOf(
    membership,
    createHost({ crypto, clock, entropy, verifier, carriers }, { identities, listen: config.listen }),
    components,
  );
}

/** A member whose host was built elsewhere, from the identities and verifier of the membership. */
export function memberOf(membership: Membership, host: Host, { crypto, clock }: Pick<MemberComponents, 'crypto' | 'clock'>): Member {
  const { genesis, meshId, nodeId, identities, revocations } = membership;
  const following = membership.follow(host);
  const client = createTrustClient(host, trustchainTarget(genesis, 'bundle'));
  const resolver = createResolver({
    crypto,
    clock,
    trust: { meshId, zone: ZONE, key: genesis.trustchaind.sessionKey },
    ask: (question, asking) => client['names.resolve'](question, asking),
  });
  const bundle = (): Uint8Array => (identities().find(({ kind }) => kind === 'bundle') as LocalIdentity).bundle();
  const notAfter = (): number => parseCertificate(decodeBundle(bundle()).leaf).notAfter;
  return {
    ...membership,
    host,
    following,
    client,
    resolver,
    bundle,
    async ready(signal) {
      for (;;) {
        const isStale = (revocations.nextUpdate() ?? 0) <= clock.now();
        if (!isStale && notAfter() > clock.now()) return;
        if (signal.aborted)
          throw isStale ? trustError('trustchain.revocation_stale', SILENT) : trustError('trustchain.certificate_expired', SILENT);
        await pause(clock, READY_POLL_MS, signal);
      }
    },
    async find(service, asking) {
      const { records } = await resolver.resolve(`${service}.${ZONE}`, 'STOQ', asking);
      return targetOf(records);
    },
    async publish(service, asking) {
      const node = formatId('node', nodeId);
      const records = host.addresses().map((address) => `${node} ${address}`);
      const question = { name: `${service}.${ZONE}`, type: 'STOQ', ttlSeconds: SERVICE_TTL_SECONDS, records } as const;
      await client['names.publish']({ ...question, version: clock.now() }, asking);
    },
  };
}

/** All records of one service name one node, which may listen on several addresses. */
function targetOf(records: readonly string[]): PeerTarget {
  const endpoints = records.map((record) => record.split(' ') as [id: string, address: string]);
  const [first] = endpoints;
  if (first === undefined) throw trustError('trustchain.name_unknown');
  const addresses = endpoints.filter(([id]) => id === first[0]).map(([, address]) => address);
  return { addresses, id: parseId('node', first[0]), expect: 'bundle' };
}
