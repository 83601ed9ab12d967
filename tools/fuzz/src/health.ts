import { caesarContract } from '@hypermesh/caesar';
import { catalogContract } from '@hypermesh/catalog';
import { type User, waitUntil } from '@hypermesh/devnet';
import { encodeOperation, MESH_MACHINE, meshContract, validatorTargets } from '@hypermesh/mesh/client';
import { blobContract, systemEntropy } from '@hypermesh/stoq';
import { decodeBundle, parseCertificate } from '@hypermesh/trustchain';

/** Answers of every kind of daemon that an attack must not change. */
export interface Health {
  readonly certificate: string;
  readonly packages: number;
  readonly totalUnits: string;
  readonly unknownBlob: number | null;
}

export interface Agreement {
  readonly height: number;
  readonly roots: readonly string[];
}

const ORDER_MS_MAX = 30_000;
const COMMON_MS_MAX = 60_000;
const INVITATION_MS = 60 * 60 * 1_000;

/** Asks trustchaind, catalogd, caesard and stoqd what is known. */
export async function readHealth({ member }: User, signal: AbortSignal): Promise<Health> {
  const { client, host } = member;
  const { serial } = parseCertificate(decodeBundle(member.bundle()).leaf);
  const [catalog, caesar, stoqd] = await Promise.all(['catalog', 'caesar', 'stoqd'].map((service) => member.find(service, { signal })));
  const [status, packages, audit, blob] = await Promise.all([
    client.status({ serial }, { signal }),
    host.connect(catalogContract, catalog as never).list({ name: '' }, { signal }),
    host.connect(caesarContract, caesar as never).audit({}, { signal }),
    host.connect(blobContract, stoqd as never).stat({ digest: new Uint8Array(32).fill(1) }, { signal }),
  ]);
  return {
    certificate: status.state,
    packages: packages.value.length,
    totalUnits: audit.value.total.toString(),
    unknownBlob: blob.sizeBytes,
  };
}

/** A transaction of the user, ordered and executed: its height. */
export async function orderOne({ mesh, account }: User, signal: AbortSignal): Promise<number> {
  const operation = encodeOperation({
    kind: 'invite',
    token: systemEntropy.bytes(32),
    roles: ['viewer'],
    name: null,
    owned: false,
    expiresAt: Date.now() + INVITATION_MS,
  });
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ORDER_MS_MAX)]);
  return (await mesh.transact(account, MESH_MACHINE, [operation], { signal: limited })).height;
}

/** The roots of all validators at one height. */
export async function readAgreement({ member }: User, signal: AbortSignal): Promise<Agreement> {
  const clients = validatorTargets(member.genesis, 'bundle').map((target) => member.host.connect(meshContract, target));
  return waitUntil('all validators at one height', COMMON_MS_MAX, signal, async () => {
    const statuses = await Promise.all(clients.map((client) => client.status({}, { signal })));
    const [height = 0, ...others] = new Set(statuses.map(({ executedHeight }) => executedHeight));
    if (others.length > 0) return undefined;
    return { height, roots: [...new Set(statuses.map(({ root }) => Buffer.from(root).toString('hex')))] };
  });
}
