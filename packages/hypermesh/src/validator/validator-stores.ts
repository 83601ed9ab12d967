import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Crypto, Entropy } from '@hypermesh/stoq';
import { encodeGenesis, type Genesis, meshIdOf } from '@hypermesh/trustchain';
import { type ChainBlock, genesisBlock, genesisCertificate } from '../consensus/block.ts';
import type { RestoredConsensus } from '../consensus/consensus.ts';
import type { AccountRules } from '../executor/accounts.ts';
import { createExecutor, type Executor } from '../executor/executor.ts';
import { machinesOfGenesis } from '../executor/genesis-machines.ts';
import type { Machine } from '../machine/machine.ts';
import { StateStore } from '../state/state-store.ts';
import { SignatureVerifier } from '../transaction/signature-verifier.ts';
import { BlockStore } from './block-store.ts';
import { SafetyLog } from './safety-log.ts';

export interface ValidatorStoresComponents {
  readonly crypto: Pick<Crypto, 'verifyHybrid'>;
  readonly entropy: Entropy;
  readonly machines: readonly Machine[];
  readonly accounts: AccountRules;
}

/** Everything that a validator keeps on disk, opened and consistent. */
export interface ValidatorStores {
  readonly executor: Executor;
  readonly blocks: BlockStore;
  readonly safety: SafetyLog;
  readonly genesis: ChainBlock;
  readonly restored: RestoredConsensus;
  close(): Promise<void>;
}

/**
 * Opens `state`, `blocks` and `safety` below the directory, or founds them from genesis. Throws `hypermesh.state_corrupt`,
 * `hypermesh.wal_corrupt` and `hypermesh.safety_lost`; nothing stays open then.
 */
export async function openValidatorStores(
  directory: string,
  genesis: Genesis,
  components: ValidatorStoresComponents,
): Promise<ValidatorStores> {
  const opened: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    opened.push(part);
    return part;
  };
  const close = async (): Promise<void> => {
    for (let part = opened.pop(); part !== undefined; part = opened.pop()) await part.close();
  };
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const store = keep(await StateStore.open(join(directory, 'state')));
    const executor = await openExecutor(store, genesis, components);
    const blocks = keep(await BlockStore.open(join(directory, 'blocks')));
    const safety = keep(await openSafety(join(directory, 'safety'), blocks, components.entropy));
    const first = await genesisOf(executor, genesis);
    const restored = await restore(first, blocks, safety);
    return { executor, blocks, safety, genesis: first, restored, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The executor of the machines that genesis names. */
export function openExecutor(
  store: StateStore,
  genesis: Genesis,
  { machines, accounts, crypto }: Pick<ValidatorStoresComponents, 'machines' | 'accounts' | 'crypto'>,
): Promise<Executor> {
  return createExecutor({
    machines: machinesOfGenesis(genesis, machines),
    genesis: { meshId: meshIdOf(genesis), genesis: encodeGenesis(genesis) },
    accounts,
    signatures: new SignatureVerifier(crypto),
    store,
  });
}

/** The block of height 0, which states the root of the machines' genesis. */
export async function genesisOf(executor: Executor, genesis: Genesis): Promise<ChainBlock> {
  return genesisBlock({
    meshId: meshIdOf(genesis),
    validatorCount: genesis.validators.length,
    time: genesis.createdAt,
    rootOfRoots: await executor.rootAt(0),
  });
}

async function openSafety(directory: string, blocks: BlockStore, entropy: Entropy): Promise<SafetyLog> {
  const isNew = !(await blocks.isFounded());
  const safety = await SafetyLog.open({ directory, entropy, isNew });
  if (isNew) await blocks.found();
  return safety;
}

async function restore(genesis: ChainBlock, blocks: BlockStore, safety: SafetyLog): Promise<RestoredConsensus> {
  const newest = await blocks.newest();
  const committed = newest?.block ?? genesis;
  safety.forget(committed.height);
  return {
    safety: safety.safety,
    committed,
    committedQc: newest?.proof.child.parent ?? genesisCertificate(genesis),
    uncommitted: safety.blocks,
  };
}
