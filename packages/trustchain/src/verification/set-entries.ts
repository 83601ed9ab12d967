import type { HybridPublicKey, Role } from '@hypermesh/stoq';
import type { Genesis } from '../genesis/genesis.ts';
import { nodeIdOf } from '../genesis/ids.ts';
import { TRUSTCHAIND_NAME } from '../genesis/validation.ts';

/** A daemon known by its session pair, without a certificate. */
export interface SetEntry {
  readonly name: string;
  readonly nodeId: Uint8Array;
  readonly key: HybridPublicKey;
  readonly roles: readonly Role[];
}

/** Set entries by name: genesis, or the validator set that a node holds on disk. */
export interface SetEntries {
  find(name: string): SetEntry | null;
}

const VALIDATOR_ROLES: readonly Role[] = ['node', 'validator'];
const SERVICE_ROLES: readonly Role[] = ['service'];

/** The validators of genesis and trustchaind. */
export function genesisSetEntries({ validators, trustchaind }: Genesis): SetEntries {
  const entries = new Map<string, SetEntry>(
    validators.map(({ name, nodeId, sessionKey }) => [name, { name, nodeId, key: sessionKey, roles: VALIDATOR_ROLES }]),
  );
  entries.set(TRUSTCHAIND_NAME, {
    name: TRUSTCHAIND_NAME,
    nodeId: nodeIdOf(trustchaind.sessionKey.postQuantum),
    key: trustchaind.sessionKey,
    roles: SERVICE_ROLES,
  });
  return { find: (name) => entries.get(name) ?? null };
}
