import {
  type Algorithm,
  type Clock,
  type Crypto,
  encode,
  type Entropy,
  type HybridPublicKey,
  type KeyPair,
  type PublicKey,
  type Role,
  sha256,
  wipe,
} from '@hypermesh/stoq';
import { createIntermediate, createRoot } from '../ca/authority.ts';
import type { SigningPair } from '../certificate/issuance.ts';
import { type Invitation, invitationsCodec } from '../enrolment/invitations.ts';
import { formatJoinToken, JOIN_SECRET_BYTES, tokenHashOf } from '../enrolment/join-token.ts';
import { trustError } from '../errors.ts';
import { encodeGenesis, type Genesis, type LogEntry, meshIdOf } from '../genesis/genesis.ts';
import { nodeIdOf, nodeNameOf } from '../genesis/ids.ts';
import { GENESIS_VERSION, TRUSTCHAIND_NAME } from '../genesis/validation.ts';
import { newFileKey, sealKeys } from '../keys/keystore-file.ts';
import { keyClaimId } from '../verification/identity-message.ts';
import {
  generateKeyrings,
  hybridPlan,
  IDENTITY_KEY,
  ISSUER_KEY,
  KEM_KEY,
  type KeyNames,
  type KeyPlan,
  type Keyring,
  logKeyNames,
  ROOT_KEY,
  VOTE_KEY,
  wipeKeyrings,
  WITNESS_KEY,
} from './key-plan.ts';
import type { MeshFile } from './mesh-files.ts';
import { type MeshPlan, ZONE } from './plan.ts';

export interface MeshComponents {
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly clock: Clock;
}

/** A mesh that exists on paper: `writeMesh` puts it on disk. */
export interface NewMesh {
  readonly meshId: Uint8Array;
  readonly genesis: Genesis;
  /** Node ids of validators and members by name. */
  readonly nodeIds: ReadonlyMap<string, Uint8Array>;
  /** Join tokens by name, as in the files. */
  readonly tokens: ReadonlyMap<string, string>;
  readonly files: readonly MeshFile[];
}

const LOGS = ['certificates', 'packages', 'revocations'] as const;
const PASSPHRASE_BYTES = 32;
const ROOT_OWNER = 'root/';
const OPERATOR_OWNER = 'operators/';
const NODE_OWNER = 'nodes/';

/**
 * Makes all keys, certificates, tokens and the genesis document of a mesh, offline. Secrets are in `files`, the keys
 * sealed under a passphrase of their own. Throws `trustchain.genesis_malformed` or `trustchain.config_invalid` for a
 * plan that cannot be, and the signal's reason.
 */
export async function createMesh(plan: MeshPlan, components: MeshComponents, signal?: AbortSignal): Promise<NewMesh> {
  assertPlan(plan);
  const keyrings = await generateKeyrings(keyPlanOf(plan), components.crypto, signal);
  try {
    return await assemble(plan, keyrings, components);
  } finally {
    wipeKeyrings(keyrings);
  }
}

function keyPlanOf(plan: MeshPlan): KeyPlan {
  const identity = hybridPlan(IDENTITY_KEY);
  const member: Record<string, Algorithm> = { ...identity, [KEM_KEY]: 'ml-kem-1024' };
  const validator: Record<string, Algorithm> = { ...member, [VOTE_KEY]: plan.voteAlgorithm, [WITNESS_KEY]: 'ml-dsa-44' };
  const logs = LOGS.map((log) => hybridPlan(logKeyNames(log)));
  return {
    [ROOT_OWNER]: hybridPlan(ROOT_KEY),
    [NODE_OWNER + TRUSTCHAIND_NAME]: Object.assign({}, identity, hybridPlan(ISSUER_KEY), ...logs) as Record<string, Algorithm>,
    ...Object.fromEntries(plan.validators.map(({ name }) => [NODE_OWNER + name, validator])),
    ...Object.fromEntries(plan.members.map(({ name }) => [NODE_OWNER + name, member])),
    ...Object.fromEntries(plan.operators.names.map((name) => [OPERATOR_OWNER + name, identity])),
  };
}

async function assemble(plan: MeshPlan, keyrings: ReadonlyMap<string, Keyring>, components: MeshComponents): Promise<NewMesh> {
  const { clock, crypto, entropy } = components;
  const now = clock.now();
  const rootPair = signingPair(ringOf(keyrings, ROOT_OWNER), ROOT_KEY, crypto);
  const root = await createRoot(rootPair, { commonName: `${plan.meshName} root`, notBefore: now }, components);
  const nodeIds = new Map(
    [...plan.validators, ...plan.members].map(({ name }) => [name, nodeIdOf(identityOf(keyrings, NODE_OWNER + name).postQuantum)] as const),
  );
  const genesis = genesisOf(plan, keyrings, { root: root.der, nodeIds, now });
  const meshId = meshIdOf(genesis);
  const intermediate = await createIntermediate(
    { certificate: root.der, keys: rootPair },
    hybridOf(ringOf(keyrings, NODE_OWNER + TRUSTCHAIND_NAME), ISSUER_KEY),
    { commonName: `${plan.meshName} issuer`, meshId, notBefore: now },
    components,
  );

  const { invitations, tokens } = invite(
    plan,
    { genesis, meshId, rootFingerprint: sha256(root.der), expiresAt: now + plan.tokenLifetimeMs },
    entropy,
  );
  const document = encodeGenesis(genesis);
  const files: MeshFile[] = [{ path: 'genesis.bin', bytes: document }];
  files.push({ path: `${NODE_OWNER}${TRUSTCHAIND_NAME}/intermediate.der`, bytes: Uint8Array.from(intermediate.der) });
  files.push({ path: `${NODE_OWNER}${TRUSTCHAIND_NAME}/invitations.bin`, bytes: encode(invitationsCodec, invitations) });
  for (const [name, token] of tokens) files.push({ path: `${NODE_OWNER}${name}/token`, bytes: line(token) });
  for (const owner of keyrings.keys()) {
    const folder = owner.endsWith('/') ? owner : `${owner}/`;
    if (owner.startsWith(NODE_OWNER)) files.push({ path: `${folder}genesis.bin`, bytes: Uint8Array.from(document) });
  }
  const sealed = await Promise.all([...keyrings].map(([owner, keyring]) => sealKeyring(owner, keyring, now, entropy)));
  return { meshId, genesis, nodeIds, tokens, files: [...files, ...sealed.flat()] };
}

interface GenesisFacts {
  readonly root: Uint8Array;
  readonly nodeIds: ReadonlyMap<string, Uint8Array>;
  readonly now: number;
}

function genesisOf(plan: MeshPlan, keyrings: ReadonlyMap<string, Keyring>, { root, nodeIds, now }: GenesisFacts): Genesis {
  const service = ringOf(keyrings, NODE_OWNER + TRUSTCHAIND_NAME);
  const log = (name: (typeof LOGS)[number]): LogEntry => ({ origin: `trust.${ZONE}/${name}`, ...hybridOf(service, logKeyNames(name)) });
  return {
    version: GENESIS_VERSION,
    meshName: plan.meshName,
    createdAt: now,
    roots: [root],
    trustchaind: { sessionKey: hybridOf(service, IDENTITY_KEY), addresses: plan.trustchaind },
    logs: { certificates: log('certificates'), packages: log('packages'), revocations: log('revocations') },
    validators: plan.validators.map(({ name, addresses }) => {
      const keyring = ringOf(keyrings, NODE_OWNER + name);
      return {
        name,
        nodeId: nodeIds.get(name) as Uint8Array,
        voteKey: keyOf(keyring, VOTE_KEY),
        sessionKey: hybridOf(keyring, IDENTITY_KEY),
        witnessKey: keyOf(keyring, WITNESS_KEY) as PublicKey<'ml-dsa-44'>,
        addresses,
      };
    }),
    machines: plan.machines,
    pools: poolsOf(plan, nodeIds),
    operators: {
      threshold: plan.operators.threshold,
      keys: plan.operators.names.map((name) => identityOf(keyrings, OPERATOR_OWNER + name)),
    },
    parameters: plan.parameters,
  };
}

/** Pools and endowments, and the rest of the supply in its own account: the sum is the supply exactly. */
function poolsOf(plan: MeshPlan, nodeIds: ReadonlyMap<string, Uint8Array>): Genesis['pools'] {
  const given = [
    ...plan.pools,
    ...plan.endowments
      .filter(({ amount }) => amount > 0n)
      .map(({ member, amount }) => {
        const nodeId = nodeIds.get(member);
        if (nodeId === undefined) throw trustError('trustchain.config_invalid', { field: 'endowments', member });
        return { account: `owner/${nodeNameOf(nodeId)}`, amount };
      }),
  ];
  const rest = given.reduce((left, { amount }) => left - amount, plan.supplyUnits);
  if (rest < 0n) throw trustError('trustchain.config_invalid', { field: 'pools', reason: 'more than the supply', excess: -rest });
  return rest === 0n ? given : [...given, { account: plan.remainder, amount: rest }];
}

interface InvitationFacts {
  readonly genesis: Genesis;
  readonly meshId: Uint8Array;
  readonly rootFingerprint: Uint8Array;
  readonly expiresAt: number;
}

function invite(
  plan: MeshPlan,
  { genesis, meshId, rootFingerprint, expiresAt }: InvitationFacts,
  entropy: Entropy,
): { invitations: readonly Invitation[]; tokens: ReadonlyMap<string, string> } {
  const { sessionKey, addresses } = genesis.trustchaind;
  const validatorRoles: readonly Role[] = ['node', 'validator'];
  const invited = [...plan.validators.map(({ name }) => ({ name, roles: validatorRoles, names: [`${name}.${ZONE}`] })), ...plan.members];
  const invitations: Invitation[] = [];
  const tokens = new Map<string, string>();
  for (const { name, roles, names } of invited) {
    const secret = entropy.bytes(JOIN_SECRET_BYTES);
    tokens.set(name, formatJoinToken({ meshId, rootFingerprint, serverId: keyClaimId(sessionKey), addresses, secret, roles, names }));
    invitations.push({ tokenHash: tokenHashOf(meshId, secret), roles, names, expiresAt });
    wipe(secret);
  }
  return { invitations, tokens };
}

async function sealKeyring(owner: string, keyring: Keyring, now: number, entropy: Entropy): Promise<readonly MeshFile[]> {
  const folder = owner.endsWith('/') ? owner : `${owner}/`;
  const secret = entropy.bytes(PASSPHRASE_BYTES);
  const passphrase = Buffer.from(secret).toString('base64url');
  const fileKey = await newFileKey(Buffer.from(passphrase), entropy);
  const keys = [...keyring].map(([name, pair]) => ({ name, generation: 1, createdAt: now, pair }));
  const keystore = sealKeys(keys, fileKey, entropy);
  wipe(secret, fileKey.key);
  return [
    { path: `${folder}keystore`, bytes: keystore },
    { path: `${folder}passphrase`, bytes: line(passphrase) },
  ];
}

function assertPlan({ validators, members, operators }: MeshPlan): void {
  const names = [TRUSTCHAIND_NAME, ...validators.map(({ name }) => name), ...members.map(({ name }) => name)];
  if (new Set(names).size !== names.length) throw trustError('trustchain.config_invalid', { field: 'name', reason: 'duplicate' });
  // Names become folders.
  const bad = [...names, ...operators.names].find((name) => !/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name));
  if (bad !== undefined) throw trustError('trustchain.config_invalid', { field: 'name', reason: 'malformed', name: bad });
}

function ringOf(keyrings: ReadonlyMap<string, Keyring>, owner: string): Keyring {
  return keyrings.get(owner) as Keyring;
}

function keyOf(keyring: Keyring, name: string): PublicKey {
  return (keyring.get(name) as KeyPair).publicKey;
}

function hybridOf(keyring: Keyring, names: KeyNames): HybridPublicKey {
  return {
    classical: keyOf(keyring, names.classical) as PublicKey<'ed25519'>,
    postQuantum: keyOf(keyring, names.postQuantum) as PublicKey<'falcon1024'>,
  };
}

function identityOf(keyrings: ReadonlyMap<string, Keyring>, owner: string): HybridPublicKey {
  return hybridOf(ringOf(keyrings, owner), IDENTITY_KEY);
}

function signingPair(keyring: Keyring, names: KeyNames, crypto: Crypto): SigningPair {
  return {
    classical: crypto.createSigner(keyring.get(names.classical) as KeyPair<'ed25519'>),
    postQuantum: crypto.createSigner(keyring.get(names.postQuantum) as KeyPair<'falcon1024'>),
  };
}

function line(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(`${text}\n`));
}
