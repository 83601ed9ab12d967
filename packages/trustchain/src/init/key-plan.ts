import { type Algorithm, type Crypto, type KeyPair, wipe } from '@hypermesh/stoq';

/** The hybrid identity pair by its names in a keystore: session keys of genesis, certificate keys, transaction keys. */
export const IDENTITY_KEY: KeyNames = pairNames('identity');
/** The keys that sign certificates, in trustchaind's keystore. */
export const ISSUER_KEY: KeyNames = pairNames('issuer');
export const ROOT_KEY: KeyNames = pairNames('root');
export const KEM_KEY: string = 'kem';
export const VOTE_KEY: string = 'vote';
export const WITNESS_KEY: string = 'witness';

export interface KeyNames {
  readonly classical: string;
  readonly postQuantum: string;
}

/** The note keys of one log, in trustchaind's keystore. */
export function logKeyNames(log: 'certificates' | 'packages' | 'revocations'): KeyNames {
  return pairNames(`log/${log}`);
}

/** Key pairs by name, of one owner. */
export type Keyring = ReadonlyMap<string, KeyPair>;
/** The algorithm of each key of each owner. */
export type KeyPlan = Readonly<Record<string, Readonly<Record<string, Algorithm>>>>;

// Each FALCON pair takes a thread of some 10 MB and 50 ms of a core.
const PARALLEL_MAX = 4;

/** Generates all keys of all owners, a few at a time. Throws the signal's reason, and leaves no secret then. */
export async function generateKeyrings(plan: KeyPlan, crypto: Crypto, signal?: AbortSignal): Promise<ReadonlyMap<string, Keyring>> {
  const keyrings = new Map(Object.keys(plan).map((owner) => [owner, new Map<string, KeyPair>()] as const));
  const wanted = Object.entries(plan)
    .flatMap(([owner, keys]) => Object.entries(keys).map(([name, algorithm]) => ({ owner, name, algorithm })))
    .values();
  const lane = async (): Promise<void> => {
    for (const { owner, name, algorithm } of wanted) {
      keyrings.get(owner)?.set(name, await crypto.generateKeyPair(algorithm));
      if (signal?.aborted === true) return;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_MAX }, lane));
  if (signal?.aborted === true) {
    wipeKeyrings(keyrings);
    throw signal.reason;
  }
  return keyrings;
}

export function wipeKeyrings(keyrings: ReadonlyMap<string, Keyring>): void {
  for (const keyring of keyrings.values()) wipe(...[...keyring.values()].map((pair) => pair.secretKey.bytes));
}

/** The algorithms of a hybrid pair under its names. */
export function hybridPlan(names: KeyNames): Record<string, Algorithm> {
  return { [names.classical]: 'ed25519', [names.postQuantum]: 'falcon1024' };
}

function pairNames(prefix: string): KeyNames {
  return { classical: `${prefix}/ed25519`, postQuantum: `${prefix}/falcon1024` };
}
