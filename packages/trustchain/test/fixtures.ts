import { createCrypto, type Crypto, type HybridPublicKey, type KeyPair, systemEntropy } from '@hypermesh/stoq';
import { createIntermediate, createRoot, newSerial } from '../src/ca/authority.ts';
import type { Certificate } from '../src/certificate/certificate.ts';
import { signCertificate, type SigningPair } from '../src/certificate/issuance.ts';
import { LEAF_LIFETIME_MS_MAX } from '../src/constants.ts';
import type { Genesis, ValidatorEntry } from '../src/genesis/genesis.ts';
import { nodeIdOf, nodeUriOf } from '../src/genesis/ids.ts';

/** 2026-01-01T00:00:00Z: the time at which fixtures are made. */
export const NOW: number = Date.UTC(2026, 0, 1);

export interface Keys {
  readonly classical: KeyPair<'ed25519'>;
  readonly postQuantum: KeyPair<'falcon1024'>;
  readonly kem: KeyPair<'ml-kem-1024'>;
  readonly pair: SigningPair;
  readonly publicKey: HybridPublicKey;
}

export async function createKeys(crypto: Crypto): Promise<Keys> {
  const [classical, postQuantum, kem] = await Promise.all([
    crypto.generateKeyPair('ed25519'),
    crypto.generateKeyPair('falcon1024'),
    crypto.generateKeyPair('ml-kem-1024'),
  ]);
  return {
    classical,
    postQuantum,
    kem,
    pair: { classical: crypto.createSigner(classical), postQuantum: crypto.createSigner(postQuantum) },
    publicKey: { classical: classical.publicKey, postQuantum: postQuantum.publicKey },
  };
}

export interface AuthorityFixture {
  readonly crypto: Crypto;
  readonly rootKeys: Keys;
  readonly root: Certificate;
  readonly issuerKeys: Keys;
  readonly intermediate: Certificate;
  readonly meshId: Uint8Array;
}

/** Root and intermediate; about 0.2 s for the keys, so once per file. */
export async function createAuthority(meshId: Uint8Array = new Uint8Array(32).fill(7)): Promise<AuthorityFixture> {
  const crypto = await createCrypto();
  const [rootKeys, issuerKeys] = await Promise.all([createKeys(crypto), createKeys(crypto)]);
  const components = { crypto, entropy: systemEntropy };
  const root = await createRoot(rootKeys.pair, { commonName: 'Test Root', notBefore: NOW }, components);
  const intermediate = await createIntermediate(
    { certificate: root.der, keys: rootKeys.pair },
    issuerKeys.publicKey,
    { commonName: 'Test Issuer', meshId, notBefore: NOW },
    components,
  );
  return { crypto, rootKeys, root, issuerKeys, intermediate, meshId };
}

/** A leaf straight from the intermediate's keys: 24 h from `notBefore`. */
export async function createLeaf(
  authority: AuthorityFixture,
  keys: Keys,
  fields: { names?: readonly string[]; notBefore?: number; meshId?: Uint8Array } = {},
): Promise<Certificate> {
  const { names = ['node-1.mesh'], notBefore = NOW, meshId = authority.meshId } = fields;
  const nodeId = nodeIdOf(keys.publicKey.postQuantum);
  return signCertificate(
    {
      profile: 'leaf',
      serial: newSerial(systemEntropy),
      issuerName: authority.intermediate.commonName,
      commonName: names[0] as string,
      notBefore,
      notAfter: notBefore + LEAF_LIFETIME_MS_MAX,
      key: keys.publicKey,
      identity: { nodeId, meshId, kemKey: keys.kem.publicKey, roles: ['node'] },
      alternativeNames: { uris: [nodeUriOf(nodeId)], names },
    },
    authority.issuerKeys.pair,
    authority.crypto,
  );
}

export interface GenesisFixture {
  readonly genesis: Genesis;
  /** Session keys of trustchaind, note keys of the three logs, session and witness keys of the validators. */
  readonly session: Keys;
  readonly logs: Readonly<Record<keyof Genesis['logs'], Pick<Keys, 'classical' | 'postQuantum'>>>;
  readonly validators: readonly ValidatorKeys[];
}

export interface ValidatorKeys {
  readonly session: Keys;
  readonly witness: KeyPair<'ml-dsa-44'>;
}

/** A genesis of `validatorCount` validators; FALCON keys are the cost (50 ms each). */
export async function createGenesis(crypto: Crypto, roots: readonly Uint8Array[], validatorCount = 1): Promise<GenesisFixture> {
  const session = await createKeys(crypto);
  const operator = await createKeys(crypto);
  const logs = { certificates: await createKeys(crypto), packages: await createKeys(crypto), revocations: await createKeys(crypto) };
  const validators: ValidatorKeys[] = [];
  const entries: ValidatorEntry[] = [];
  for (let i = 0; i < validatorCount; i++) {
    const keys = { session: await createKeys(crypto), witness: await crypto.generateKeyPair('ml-dsa-44') };
    validators.push(keys);
    entries.push({
      name: `validator-${i + 1}`,
      nodeId: nodeIdOf(keys.session.publicKey.postQuantum),
      voteKey: (await crypto.generateKeyPair('ml-dsa-65')).publicKey,
      sessionKey: keys.session.publicKey,
      witnessKey: keys.witness.publicKey,
      addresses: [`[::1]:${9300 + i}`],
    });
  }
  const log = (origin: string, keys: Keys) => ({ origin, classical: keys.classical.publicKey, postQuantum: keys.postQuantum.publicKey });
  const genesis: Genesis = {
    version: 1,
    meshName: 'test',
    createdAt: NOW,
    roots,
    trustchaind: { sessionKey: session.publicKey, addresses: ['[::1]:9292', '127.0.0.1:9292'] },
    logs: {
      certificates: log('trust.mesh/certificates', logs.certificates),
      packages: log('trust.mesh/packages', logs.packages),
      revocations: log('trust.mesh/revocations', logs.revocations),
    },
    validators: entries,
    machines: [{ name: 'mesh', version: 1 }],
    pools: [{ account: 'rewards', amount: 10n ** 18n }],
    operators: { threshold: 1, keys: [operator.publicKey] },
    parameters: [{ name: 'leaseMs', value: 10_000 }],
  };
  return { genesis, session, logs, validators };
}
