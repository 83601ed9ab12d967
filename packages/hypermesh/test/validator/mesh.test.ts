import { meshIdOf } from '@hypermesh/trustchain';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { meshContract } from '../../src/api.ts';
import type { MeshAccount, MeshClient } from '../../src/client/mesh-client.ts';
import { validatorTargets } from '../../src/client/validator-targets.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { type DecodedTransaction, signTransaction } from '../../src/transaction/transaction.ts';
import { operation, put } from '../executor/register-machine.ts';
import { createMeshKeys, LocalMesh, type LocalMeshOptions, type MeshKeys } from './local-mesh.ts';

let keys: MeshKeys;
beforeAll(async () => {
  keys = await createMeshKeys({ accounts: 3 });
}, 60_000);
afterAll(() => keys.crypto.close());

const soon = (): AbortSignal => AbortSignal.timeout(30_000);

async function openMesh(options: LocalMeshOptions = {}): Promise<LocalMesh> {
  const mesh = await LocalMesh.create(keys, options);
  onTestFinished(() => mesh.close(), 30_000);
  return mesh;
}

async function write(mesh: LocalMesh, client: MeshClient, value: string): Promise<number> {
  return (await client.transact(mesh.accounts[0]!, 'mesh', [put('a', value)], { signal: soon() })).height;
}

/** The root at that height, once the validator has come so far. */
async function rootAt(mesh: LocalMesh, name: string, height: number): Promise<Uint8Array> {
  const validator = mesh.validator(name);
  await new Promise<void>((resolve) => {
    const look = (): void => void (validator.height >= height && (unsubscribe(), resolve()));
    const unsubscribe = validator.onBlock(look);
    look();
  });
  return validator.root;
}

describe.each(['memory', 'quic'] as const)('four validators over %s', (carrier) => {
  test('commit, execute to one root, and prove it', { timeout: 60_000 }, async () => {
    const mesh = await openMesh({ carrier });
    await mesh.start();
    const client = await mesh.client();
    const receipt = await client.transact(mesh.accounts[0]!, 'mesh', [put('a', '1'), put('b', '2')], { signal: soon() });
    expect(receipt).toMatchObject({ code: '', index: 0 });
    expect(receipt.results).toHaveLength(2);
    const { result, height } = await client.query('mesh', 'register', Buffer.from('a'));
    expect([Buffer.from(result).toString(), height >= receipt.height]).toEqual(['1', true]);
    expect(await client.account(mesh.accounts[0]!.owner)).toEqual({ executed: 1, next: 2 });
    const roots = await Promise.all(mesh.names.map((name) => rootAt(mesh, name, receipt.height)));
    expect(new Set(roots.map((root) => Buffer.from(root).toString('hex'))).size).toBe(1);
  });
});

describe('a mesh', () => {
  test('says what became of a transaction, or why it takes none', { timeout: 60_000 }, async () => {
    const mesh = await openMesh();
    await mesh.start();
    const client = await mesh.client();
    const account = mesh.accounts[0]!;
    const refused = client.transact(account, 'mesh', [put('a', '1'), operation({ kind: 'refuse' })], { signal: soon() });
    await expect(refused).rejects.toMatchObject({ code: 'hypermesh.not_authorised' });
    await expect(client.transact(account, 'nobody', [put('a', '1')], { signal: soon() })).rejects.toMatchObject({
      code: 'hypermesh.machine_unknown',
    });
    const stranger = { owner: new Uint8Array(32), signer: account.signer };
    await expect(client.transact(stranger, 'mesh', [put('a', '1')], { signal: soon() })).rejects.toMatchObject({
      code: 'hypermesh.transaction_owner',
    });
    await expect(client.query('nobody', 'x', new Uint8Array())).rejects.toMatchObject({ code: 'hypermesh.machine_unknown' });
    await expect(client.query('mesh', 'x', new Uint8Array())).rejects.toMatchObject({ code: 'hypermesh.unsupported' });
    // Two clients of one account find their sequence again.
    const other = await mesh.client();
    for (const value of ['1', '2', '3']) {
      await write(mesh, client, value);
      await write(mesh, other, `other ${value}`);
    }
    const executed = Math.max(...mesh.names.map((name) => mesh.validator(name).sequenceOf(account.owner)));
    expect(executed).toBe(7);
    expect(Buffer.from((await other.query('mesh', 'register', Buffer.from('a'))).result).toString()).toBe('other 3');
    // What was executed may be submitted again, and is not executed again.
    const body = {
      meshId: meshIdOf(mesh.genesis),
      owner: account.owner,
      sequence: 8,
      machine: 'mesh',
      operations: [put('a', '4')],
      key: null,
    };
    const transaction = await signTransaction(body, account.signer);
    const [first, second] = [await client.settle(transaction, { signal: soon() }), await other.settle(transaction, { signal: soon() })];
    expect(second).toEqual(first);
    const rival = await signTransaction({ ...body, operations: [put('a', '5')] }, account.signer);
    await expect(client.settle(rival, { signal: soon() })).rejects.toMatchObject({ code: 'hypermesh.transaction_sequence' });
  });

  test('takes many transactions in one call, up to the first that it refuses', { timeout: 60_000 }, async () => {
    const mesh = await openMesh();
    await mesh.start();
    const account = mesh.accounts[0]!;
    const body = { meshId: meshIdOf(mesh.genesis), owner: account.owner, machine: 'mesh', key: null };
    const signed = (sequence: number, signer = account.signer): Promise<DecodedTransaction> =>
      signTransaction({ ...body, sequence, operations: [put('a', String(sequence))] }, signer);
    const transactions = await Promise.all(Array.from({ length: 20 }, (_, at) => signed(at + 1)));
    const client = await mesh.client(['v0']);
    await client.submitAll(transactions, { signal: soon() });
    // Handed in again, nothing happens twice.
    await client.submitAll(transactions, { signal: soon() });
    await client.settle(transactions.at(-1)!, { signal: soon() });
    expect(mesh.validator('v0').sequenceOf(account.owner)).toBe(20);
    expect(Buffer.from((await client.query('mesh', 'register', Buffer.from('a'))).result).toString()).toBe('20');
    const forged = await signed(22, mesh.accounts[1]!.signer);
    const group = [await signed(21), forged, await signed(22)];
    await expect(client.submitAll(group, { signal: soon() })).rejects.toMatchObject({ code: 'hypermesh.transaction_signature' });
    const direct = (await mesh.clientHost()).connect(meshContract, validatorTargets(mesh.genesis, 'set-entry')[0]!);
    const encoded = group.map((transaction) => transaction.encoded);
    expect(await direct.submitAll({ transactions: encoded })).toEqual({ taken: 1 });
    await direct.receipt({ id: group[0]!.id, waitMs: 10_000 });
    // What came after the refused one was not taken: the next sequence is free.
    expect(await direct.account({ owner: account.owner })).toEqual({ executed: 21, next: 22 });
  });

  test('verifies what waits in its mempool once, however often it is handed in', { timeout: 60_000 }, async () => {
    const mesh = await openMesh();
    let verified = 0;
    // One of four orders nothing, so that what it takes stays where it is.
    await mesh.startOne('v0', mesh.machines(), ({ crypto }) => ({
      crypto: {
        verify: (...args) => crypto.verify(...args),
        verifyHybrid: (...args) => (verified++, crypto.verifyHybrid(...args)),
      },
    }));
    const [account, other] = mesh.accounts as [MeshAccount, MeshAccount];
    const body = { meshId: meshIdOf(mesh.genesis), owner: account.owner, machine: 'mesh', key: null, operations: [put('a', '1')] };
    const transactions = await Promise.all([1, 2, 3].map((sequence) => signTransaction({ ...body, sequence }, account.signer)));
    const encoded = transactions.map((transaction) => transaction.encoded);
    const direct = (await mesh.clientHost()).connect(meshContract, validatorTargets(mesh.genesis, 'set-entry')[0]!);
    expect(await direct.submitAll({ transactions: encoded })).toEqual({ taken: 3 });
    expect(verified).toBe(3);
    expect(await direct.submitAll({ transactions: encoded })).toEqual({ taken: 3 });
    expect(await direct.submit({ transaction: encoded[1]! })).toEqual({ id: transactions[1]!.id });
    expect(verified).toBe(3);
    // The id does not cover the signature: a forged one is no repeat.
    const forged = await signTransaction({ ...body, sequence: 2 }, other.signer);
    expect(forged.id).toEqual(transactions[1]!.id);
    await expect(direct.submit({ transaction: forged.encoded })).rejects.toMatchObject({ code: 'hypermesh.transaction_signature' });
    expect(await direct.submitAll({ transactions: [forged.encoded] })).toEqual({ taken: 0 });
    expect(verified).toBe(5);
    expect(await direct.account({ owner: account.owner })).toEqual({ executed: 0, next: 4 });
  });

  test('that stops takes nothing of what still waits to be verified', { timeout: 60_000 }, async () => {
    const mesh = await openMesh();
    let stopping: Promise<void> | undefined;
    await mesh.startOne('v0', mesh.machines(), ({ crypto }) => ({
      crypto: {
        verify: (...args) => crypto.verify(...args),
        verifyHybrid(...args) {
          stopping ??= mesh.validator('v0').stop();
          return crypto.verifyHybrid(...args);
        },
      },
    }));
    const account = mesh.accounts[0] as MeshAccount;
    const body = { meshId: meshIdOf(mesh.genesis), owner: account.owner, machine: 'mesh', key: null, operations: [put('a', '1')] };
    const transactions = await Promise.all([1, 2, 3].map((sequence) => signTransaction({ ...body, sequence }, account.signer)));
    const direct = (await mesh.clientHost()).connect(meshContract, validatorTargets(mesh.genesis, 'set-entry')[0]!);
    // The one at work when it stops is the last.
    expect(await direct.submitAll({ transactions: transactions.map(({ encoded }) => encoded) })).toEqual({ taken: 1 });
    await stopping;
  });

  test('goes on without one validator, which catches up when it returns', { timeout: 60_000 }, async () => {
    const mesh = await openMesh();
    await mesh.start();
    const client = await mesh.client(['v0', 'v1', 'v2']);
    await write(mesh, client, 'before');
    await mesh.stop('v3');
    let height = 0;
    for (let at = 0; at < 5; at++) height = await write(mesh, client, `without-${at}`);
    expect(mesh.validator('v0').status()).toMatchObject({ silent: ['v3'], stalled: '' });
    await mesh.start('v3');
    expect(await rootAt(mesh, 'v3', height)).toEqual(await rootAt(mesh, 'v0', height));
    const direct = await mesh.client(['v3']);
    await write(mesh, direct, 'after');
    expect(mesh.running.get('v3')?.alarms).toEqual([]);
  });

  test('stops without a quorum and says why, and goes on when one returns', { timeout: 60_000 }, async () => {
    const mesh = await openMesh();
    await mesh.start();
    const client = await mesh.client(['v0', 'v1']);
    await write(mesh, client, 'before');
    await mesh.stop('v2', 'v3');
    const height = mesh.validator('v0').status().committedHeight;
    const waiting = client.transact(mesh.accounts[0]!, 'mesh', [put('a', 'late')], { signal: AbortSignal.timeout(3_000) });
    await expect(waiting).rejects.toMatchObject({
      code: 'hypermesh.quorum_lost',
      data: { reason: '2 of 4 validators answer; a quorum needs 3: no answer from v2, v3' },
    });
    expect(mesh.validator('v0').status().committedHeight).toBe(height);
    await mesh.start('v2');
    // What was accepted is ordered now, before what comes after.
    await write(mesh, client, 'after');
    expect((await client.account(mesh.accounts[0]!.owner)).executed).toBe(3);
  });

  test('loses nothing that it acknowledged when validators come and go', { timeout: 120_000 }, async () => {
    const mesh = await openMesh();
    await mesh.start();
    const client = await mesh.client();
    const acknowledged: string[] = [];
    let isDone = false;
    const load = Promise.all(
      mesh.accounts.slice(1).map(async (account, who) => {
        for (let at = 0; !isDone; at++) {
          await client.transact(account, 'mesh', [put(`${who}/${at}`, 'x')], { signal: AbortSignal.timeout(60_000) });
          acknowledged.push(`${who}/${at}`);
        }
      }),
    );
    for (const name of ['v0', 'v2', 'v1', 'v3']) {
      await mesh.stop(name);
      await write(mesh, await mesh.client(mesh.names.filter((other) => other !== name)), name);
      await mesh.start(name);
    }
    isDone = true;
    await load;
    const height = Math.max(...mesh.names.map((name) => mesh.validator(name).height));
    const roots = await Promise.all(mesh.names.map((name) => rootAt(mesh, name, height)));
    expect(new Set(roots.map((root) => Buffer.from(root).toString('hex'))).size).toBe(1);
    expect(acknowledged.length).toBeGreaterThan(4);
    for (const name of mesh.names) {
      for (const key of acknowledged) {
        expect(Buffer.from(mesh.validator(name).query('mesh', 'register', Buffer.from(key))).toString()).toBe('x');
      }
    }
    await mesh.stop(...mesh.names);
    await mesh.start();
    for (const name of mesh.names) expect(mesh.validator(name).root).toEqual(roots[0]);
  });

  test('a validator that computes another root stops, and says so', { timeout: 60_000 }, async () => {
    const mesh = await openMesh();
    const wrong = mesh.machines().map((machine): Machine => ({
      ...machine,
      apply: (state, encoded, context) => {
        state.set(Buffer.from('bug'), Uint8Array.of(context.height));
        return machine.apply(state, encoded, context);
      },
    }));
    await Promise.all([mesh.start('v0', 'v1', 'v2'), mesh.startOne('v3', wrong)]);
    const client = await mesh.client(['v0', 'v1', 'v2']);
    await write(mesh, client, '1');
    const running = mesh.running.get('v3')!;
    for (let at = 0; running.alarms.length === 0 && at < 10; at++) await write(mesh, client, `${at}`);
    expect(running.alarms).toMatchObject([{ code: 'hypermesh.state_mismatch' }]);
    expect(running.validator.status().halted).toBe('hypermesh.state_mismatch');
    const halted = (await mesh.clientHost()).connect(meshContract, validatorTargets(mesh.genesis, 'set-entry')[3]!);
    await expect(halted.submit({ transaction: new Uint8Array() })).rejects.toMatchObject({ code: 'hypermesh.not_running' });
    await expect(halted.submitAll({ transactions: [new Uint8Array()] })).rejects.toMatchObject({ code: 'hypermesh.not_running' });
    const following = halted.follow({ afterHeight: running.validator.height });
    await expect(following[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'hypermesh.not_running' });
    await write(mesh, client, '2');
  });
});

describe('a follower', () => {
  test('re-executes the log of whichever validator answers, and goes on where it stopped', { timeout: 60_000 }, async () => {
    const mesh = await openMesh();
    await mesh.start();
    const client = await mesh.client(['v1', 'v2', 'v3']);
    await write(mesh, client, '1');
    const { follower, alarms } = await mesh.follower('follower');
    await follower.start();
    const reach = (height: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => void (follower.height >= height && (unsubscribe(), resolve()));
        const unsubscribe = follower.onBlock(look);
        look();
      });
    await reach(await write(mesh, client, '2'));
    expect(follower.status().following).not.toBe('');
    await mesh.stop(follower.status().following === 'v0' ? 'v0' : 'v1');
    const rest = await mesh.client([...mesh.running.keys()]);
    await reach(await write(mesh, rest, '3'));
    expect(Buffer.from(follower.query('mesh', 'register', Buffer.from('a'))).toString()).toBe('3');
    expect(follower.sequenceOf(mesh.accounts[0]!.owner)).toBe(3);
    const { height, root, time } = follower;
    await follower.stop();
    const again = await mesh.follower('follower');
    await again.follower.start();
    onTestFinished(() => again.follower.stop());
    expect([again.follower.height >= height, time > 0]).toEqual([true, true]);
    expect(root).toEqual(await rootAt(mesh, 'v2', height));
    expect(alarms).toEqual([]);
  });

  test('halts when its state differs from the certified one', { timeout: 60_000 }, async () => {
    const mesh = await openMesh();
    await mesh.start();
    const client = await mesh.client();
    const wrong = mesh.machines().map((machine): Machine => ({ ...machine, beginBlock: () => {} }));
    const { follower, alarms } = await mesh.follower('wrong', wrong);
    await follower.start();
    onTestFinished(() => follower.stop());
    for (let at = 0; alarms.length === 0 && at < 20; at++) await write(mesh, client, `${at}`);
    expect(alarms).toMatchObject([{ code: 'hypermesh.state_mismatch' }]);
    expect(follower.status().halted).toBe('hypermesh.state_mismatch');
  });
});
