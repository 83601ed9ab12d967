import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCrypto, type Crypto, type HybridSigner } from '@hypermesh/stoq';
import { nodeIdOf } from '@hypermesh/trustchain';
import { onTestFinished } from 'vitest';
import { createExecutor, type Executor } from '../../src/executor/executor.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { StateStore } from '../../src/state/state-store.ts';
import { encodeBatch } from '../../src/transaction/batch.ts';
import { decodeTransactions } from '../../src/transaction/decoded-batch.ts';
import { SignatureVerifier } from '../../src/transaction/signature-verifier.ts';
import { type DecodedTransaction, signTransaction, type TransactionBody } from '../../src/transaction/transaction.ts';
import { createRegisterMachine, registerAccounts } from './register-machine.ts';

export const MESH_ID: Uint8Array = new Uint8Array(32).fill(7);

export interface Account {
  readonly owner: Uint8Array;
  readonly signer: HybridSigner;
}

export async function createAccount(crypto: Crypto): Promise<Account> {
  const signer = crypto.createHybridSigner(await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024'));
  return { owner: nodeIdOf(signer.publicKey.postQuantum), signer };
}

export async function signed(account: Account, sequence: number, fields: Partial<TransactionBody>): Promise<DecodedTransaction> {
  const body = { meshId: MESH_ID, owner: account.owner, sequence, machine: 'mesh', operations: [], key: null, ...fields };
  return signTransaction(body, account.signer);
}

export interface World {
  readonly crypto: Crypto;
  readonly members: readonly Account[];
  readonly stranger: Account;
  open(directory: string, machines?: readonly Machine[]): Promise<Executor>;
}

/** Two members, a stranger and real keys. */
export async function createWorld(): Promise<World> {
  const crypto = await createCrypto();
  const members = [await createAccount(crypto), await createAccount(crypto)];
  const stranger = await createAccount(crypto);
  const keys = members.map(({ owner, signer }) => ({ owner, key: signer.publicKey }));
  return {
    crypto,
    members,
    stranger,
    async open(directory, machines = [createRegisterMachine(keys), createRegisterMachine([], 'other')]) {
      const store = await StateStore.open(directory);
      const genesis = { meshId: MESH_ID, genesis: new Uint8Array() };
      const signatures = new SignatureVerifier(crypto);
      return createExecutor({ machines, genesis, accounts: registerAccounts, signatures, store });
    },
  };
}

export function blockOf(height: number, ...transactions: readonly DecodedTransaction[]): Parameters<Executor['execute']>[0] {
  const batch = encodeBatch(transactions.map(({ encoded }) => encoded));
  return { height, id: new Uint8Array(32).fill(height), time: 1000 * height, batches: [decodeTransactions(batch)] };
}

/** A directory that goes when the test has finished. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'mesh-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}
