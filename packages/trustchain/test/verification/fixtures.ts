import { join } from 'node:path';
import type { Client, HybridSigner } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { createIntermediate } from '../../src/ca/authority.ts';
import { type Bundle, encodeBundle } from '../../src/certificate/bundle.ts';
import type { Certificate } from '../../src/certificate/certificate.ts';
import { trustError } from '../../src/errors.ts';
import { meshIdOf } from '../../src/genesis/genesis.ts';
import type { CheckpointWitnesses } from '../../src/log/commit.ts';
import { createLog, type Log } from '../../src/log/log.ts';
import type { LogSigners } from '../../src/note/log-signature.ts';
import { createRevocationLog, type RevocationLog } from '../../src/revocation/revocation-log.ts';
import { createRevocationState, type RevocationState } from '../../src/revocation/revocation-state.ts';
import { createTrust, type Trust } from '../../src/verification/trust.ts';
import type { WitnessMethods } from '../../src/witness/contract.ts';
import { genesisPolicy, quorumOf, type SignedWitnessPolicy, signWitnessPolicy, type WitnessPolicy } from '../../src/witness/policy.ts';
import { createWitness, createWitnessHandlers } from '../../src/witness/witness.ts';
import { createWitnessQuorum, type WitnessPeer } from '../../src/witness/witness-quorum.ts';
import { openWitnessStore } from '../../src/witness/witness-store.ts';
import {
  type AuthorityFixture,
  createAuthority,
  createGenesis,
  createKeys,
  createLeaf,
  type GenesisFixture,
  type Keys,
  NOW,
} from '../fixtures.ts';
import { createFolder } from '../log/fixtures.ts';

/** Whose all certificates are, as far as revocations are concerned; serials from `f` on were never issued. */
export const NODE_ID: Uint8Array = new Uint8Array(32).fill(1);
export const nodeOf = async (serial: string): Promise<Uint8Array> => {
  if (serial.startsWith('f')) throw trustError('trustchain.serial_unknown', { serial });
  return NODE_ID;
};

export const HOUR_MS: number = 3_600_000;
/** A dozen FALCON key pairs, on a machine that does other things as well. */
export const MESH_TIMEOUT_MS: number = 60_000;

export interface MeshFixture {
  readonly authority: AuthorityFixture;
  readonly genesis: GenesisFixture;
  readonly clock: SteppedClock;
  readonly trust: Trust;
  readonly certificates: Log;
  readonly revocationLog: RevocationLog;
  readonly revocations: RevocationState;
  readonly witnesses: readonly WitnessPeer[];
  /** Null lets the certificate log publish without cosignatures. */
  cosigning: CheckpointWitnesses | null;
  close(): Promise<void>;
}

export interface Holder {
  readonly keys: Keys;
  readonly leaf: Certificate;
  readonly bundle: Bundle;
  readonly encoded: Uint8Array;
  readonly signer: HybridSigner;
}

/** A mesh with a certificate log, a revocation log and in-process witnesses; about 2 s of key generation. */
export async function createMesh(validatorCount = 1): Promise<MeshFixture> {
  const drafted = await createAuthority();
  const { crypto, root, rootKeys, issuerKeys } = drafted;
  const genesis = await createGenesis(crypto, [root.der], validatorCount);
  const meshId = meshIdOf(genesis.genesis);
  const request = { commonName: 'Test Issuer', meshId, notBefore: NOW };
  const intermediate = await createIntermediate({ certificate: root.der, keys: rootKeys.pair }, issuerKeys.publicKey, request, {
    crypto,
    entropy: { bytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)) },
  });
  const clock = new SteppedClock(NOW + HOUR_MS);
  const trust = await createTrust(genesis.genesis, { crypto });
  const certificates = await createLog(
    { directory: await createFolder(), origin: trust.logs.certificates.origin, signers: logSigners(genesis, 'certificates', drafted) },
    { crypto, clock, witnesses: () => mesh.cosigning },
  );
  const signers = logSigners(genesis, 'revocations', drafted);
  const log = await createLog(
    { directory: await createFolder(), origin: trust.logs.revocations.origin, signers },
    { crypto, clock, witnesses: () => mesh.cosigning },
  );
  const revocationLog = await createRevocationLog({ log, signers, clock, nodeOf });
  const revocations = await createRevocationState({ trust, crypto, clock });
  await revocations.apply(revocationLog.update());
  const mesh: MeshFixture = {
    authority: { ...drafted, intermediate, meshId },
    genesis,
    clock,
    trust,
    certificates,
    revocationLog,
    revocations,
    witnesses: await createWitnessPeers(genesis, clock, drafted),
    cosigning: null,
    async close() {
      await certificates.close();
      await log.close();
      await crypto.close();
    },
  };
  return mesh;
}

/** A leaf that is logged, with its bundle. */
export async function issue(mesh: MeshFixture, fields: Parameters<typeof createLeaf>[2] = {}, keys?: Keys): Promise<Holder> {
  const holderKeys = keys ?? (await createKeys(mesh.authority.crypto));
  const leaf = await createLeaf(mesh.authority, holderKeys, fields);
  return hold(mesh, holderKeys, leaf);
}

export async function hold(mesh: MeshFixture, keys: Keys, leaf: Certificate): Promise<Holder> {
  const bundle = await bundleOf(mesh, leaf);
  const signer = mesh.authority.crypto.createHybridSigner(keys.classical, keys.postQuantum);
  return { keys, leaf, bundle, encoded: encodeBundle(bundle), signer };
}

export async function bundleOf(mesh: MeshFixture, leaf: { readonly der: Uint8Array }): Promise<Bundle> {
  const { index, proof, checkpoint } = await mesh.certificates.add(leaf.der);
  return {
    leaf: leaf.der,
    intermediates: [mesh.authority.intermediate.der],
    logIndex: index,
    inclusionProof: proof,
    checkpoint,
    rotations: [],
  };
}

export function logSigners(
  genesis: GenesisFixture,
  name: 'certificates' | 'packages' | 'revocations',
  { crypto }: AuthorityFixture,
): LogSigners {
  const { classical, postQuantum } = genesis.logs[name];
  return { classical: crypto.createSigner(classical), postQuantum: crypto.createSigner(postQuantum) };
}

/** The next policy: all validators of genesis, signed by as many of them as `signers` says. */
export async function nextPolicy(mesh: MeshFixture, change: Partial<WitnessPolicy> = {}, signers?: number): Promise<SignedWitnessPolicy> {
  const held = mesh.trust.policy();
  const policy: WitnessPolicy = { ...genesisPolicy(mesh.genesis.genesis), version: held.version + 1, ...change };
  const all = mesh.genesis.validators;
  const signing = all.slice(0, signers ?? quorumOf(all.length));
  const signatures = signing.map(({ witness }, i) =>
    signWitnessPolicy(policy, `validator-${i + 1}`, mesh.authority.crypto.createSigner(witness)),
  );
  return { policy, signatures: await Promise.all(signatures) };
}

export function quorumFor(mesh: MeshFixture, peers: readonly WitnessPeer[] = mesh.witnesses): CheckpointWitnesses {
  return createWitnessQuorum(peers, mesh.trust.policy().threshold, { crypto: mesh.authority.crypto, clock: mesh.clock });
}

/** Witnesses reached by plain calls: what the session adds is tested where sessions are. */
async function createWitnessPeers(
  { genesis, validators }: GenesisFixture,
  clock: SteppedClock,
  { crypto }: AuthorityFixture,
): Promise<readonly WitnessPeer[]> {
  return Promise.all(
    validators.map(async ({ witness: pair }, i) => {
      const name = `validator-${i + 1}`;
      const signer = crypto.createSigner(pair);
      const store = await openWitnessStore(join(await createFolder(), 'witness'));
      const logs = [genesis.logs.certificates, genesis.logs.revocations];
      const witness = createWitness({ name, logs }, { store, signer, crypto, clock });
      const policyOf = (version: number): WitnessPolicy | null => (version === 1 ? { ...genesisPolicy(genesis), version: 1 } : null);
      const handlers = createWitnessHandlers({ witness, name, signer, policyOf });
      const context = { signal: new AbortController().signal } as never;
      const client: Client<WitnessMethods> = {
        cosign: (request) => handlers.cosign(request, context),
        policy: (request) => handlers.policy(request, context),
      };
      return { name, key: pair.publicKey, client };
    }),
  );
}
