import { Level } from 'level';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DecodedTransaction } from '../../src/transaction/transaction.ts';
import { verifyReceipt } from '../../src/transaction/receipt.ts';
import { blockOf, createWorld, signed, temporaryDirectory, type World } from './fixture.ts';
import { createRegisterMachine, operation, put } from './register-machine.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.crypto.close());

const refusal = expect.objectContaining({ code: expect.stringMatching(/^hypermesh\.(transaction|machine)_/) });
const utf8 = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('execution', () => {
  test('applies transactions once, in order, with one result an operation', async () => {
    const directory = await temporaryDirectory();
    const executor = await world.open(directory);
    const [alice, bob] = [world.members[0]!, world.members[1]!];
    const first = await signed(alice, 1, { operations: [put('a', '1'), put('b', '2')] });
    const second = await signed(bob, 1, { operations: [put('a', '3')] });
    const { receipts, voided } = await executor.execute(blockOf(1, first, first, second));
    expect(receipts.map(({ index, code, results }) => [index, code, results.length])).toEqual([
      [0, '', 2],
      [1, '', 1],
    ]);
    expect(voided.map(({ id }) => id)).toEqual([first.id]);
    expect(utf8(executor.query('mesh', 'register', Buffer.from('a')))).toBe('3');
    expect(executor.sequenceOf(alice.owner)).toBe(1);
    const again = await executor.execute(blockOf(2, first));
    expect([again.receipts.length, again.voided.length]).toEqual([0, 1]);
    await executor.close();
  });

  test('executes what comes before an earlier transaction of its owner once that has come, in the same block only', async () => {
    const executor = await world.open(await temporaryDirectory());
    const alice = world.members[0]!;
    const [one, two, three, four, six] = (await Promise.all(
      [1, 2, 3, 4, 6].map((sequence) => signed(alice, sequence, { operations: [put('a', `${sequence}`)] })),
    )) as [DecodedTransaction, DecodedTransaction, DecodedTransaction, DecodedTransaction, DecodedTransaction];
    const forged = await signed({ ...alice, signer: world.members[1]!.signer }, 2, { operations: [put('a', 'forged')] });
    const { executed, receipts, voided } = await executor.execute(blockOf(1, four, forged, six, two, two, one, three));
    expect(executed.map(({ body }) => body.sequence)).toEqual([1, 2, 3, 4]);
    expect(receipts.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(voided.map(({ body }) => body.sequence)).toEqual([2, 2, 6]);
    expect(utf8(executor.query('mesh', 'register', Buffer.from('a')))).toBe('4');
    expect(executor.sequenceOf(alice.owner)).toBe(4);
    await executor.close();
  });

  test('undoes the whole transaction on a coded error and says the code', async () => {
    const directory = await temporaryDirectory();
    const executor = await world.open(directory);
    const alice = world.members[0]!;
    await executor.execute(blockOf(1, await signed(alice, 1, { operations: [put('a', 'old')] })));
    const long = operation({ kind: 'long', size: Buffer.from([0, 1, 0, 1]) });
    const full = operation({ kind: 'long', size: Buffer.from([0, 0, 0xff, 0xff]) });
    const cases: [string, Uint8Array[]][] = [
      ['hypermesh.not_authorised', [put('a', 'new'), put('c', 'new'), operation({ kind: 'refuse' })]],
      ['stoq.codec_malformed', [put('a', 'new'), Uint8Array.of(0xff)]],
      ['hypermesh.result_limit', [put('a', 'new'), long]],
      ['hypermesh.result_limit', [put('a', 'new'), ...Array.from({ length: 17 }, () => full)]],
      ['hypermesh.state_limit', [put('a', 'new'), put('x'.repeat(257), '')]],
    ];
    for (const [at, [code, operations]] of cases.entries()) {
      const { receipts } = await executor.execute(blockOf(2 + at, await signed(alice, 2 + at, { operations })));
      expect(receipts).toMatchObject([{ code, results: [] }]);
    }
    expect(utf8(executor.query('mesh', 'register', Buffer.from('a')))).toBe('old');
    expect(utf8(executor.query('mesh', 'register', Buffer.from('c')))).toBe('');
    expect(executor.sequenceOf(alice.owner)).toBe(1 + cases.length);
    await executor.close();
  });

  test('voids what nobody may order', async () => {
    const directory = await temporaryDirectory();
    const executor = await world.open(directory);
    const [alice, bob] = [world.members[0]!, world.members[1]!];
    const { stranger } = world;
    const operations = [put('a', '1')];
    const join = [operation({ kind: 'join', key: stranger.signer.publicKey, owner: stranger.owner })];
    const key = stranger.signer.publicKey;
    const cases = {
      gap: await signed(alice, 2, { operations }),
      'another mesh': await signed(alice, 1, { operations, meshId: new Uint8Array(32) }),
      'unknown machine': await signed(alice, 1, { operations, machine: 'nobody' }),
      'signed by somebody else': await signed({ owner: alice.owner, signer: bob.signer }, 1, { operations }),
      'a member with a key': await signed(alice, 1, { operations, key: alice.signer.publicKey }),
      'a stranger without a key': await signed(stranger, 1, { operations: join }),
      'a stranger who does not join': await signed(stranger, 1, { operations, key }),
      'a stranger with the key of another': await signed(stranger, 1, { operations: join, key: bob.signer.publicKey }),
    };
    let height = 1;
    for (const [name, transaction] of Object.entries(cases)) {
      const { receipts, voided } = await executor.execute(blockOf(height++, transaction));
      expect([name, receipts.length, voided.length]).toEqual([name, 0, 1]);
      if (name !== 'gap') expect(() => executor.assertAdmissible(transaction)).toThrow(refusal);
    }
    // Members are those of the previous block.
    const joining = await signed(stranger, 1, { operations: join, key });
    const next = await signed(stranger, 2, { operations });
    expect((await executor.execute(blockOf(height++, joining, next))).receipts).toMatchObject([{ code: '' }]);
    expect((await executor.execute(blockOf(height, next))).receipts).toMatchObject([{ code: '' }]);
    await executor.close();
  });

  test('shows other machines as of the previous block', async () => {
    const directory = await temporaryDirectory();
    const executor = await world.open(directory);
    const alice = world.members[0]!;
    const write = await signed(alice, 1, { operations: [put('a', 'mesh')] });
    const read = async (sequence: number) => signed(alice, sequence, { machine: 'other', operations: [put('a', 'other')] });
    const { receipts } = await executor.execute(blockOf(1, write, await read(2)));
    expect(utf8(receipts[1]!.results[0]!)).toBe('');
    const later = await executor.execute(blockOf(2, await read(3)));
    expect(utf8(later.receipts[0]!.results[0]!)).toBe('mesh');
    await executor.close();
  });

  test('halts on any other exception and keeps nothing of the block', async () => {
    const directory = await temporaryDirectory();
    const executor = await world.open(directory);
    const alice = world.members[0]!;
    const good = await signed(alice, 1, { operations: [put('a', '1')] });
    const bad = await signed(alice, 2, { operations: [operation({ kind: 'halt' })] });
    const { root } = executor;
    await expect(executor.execute(blockOf(1, good, bad))).rejects.toMatchObject({ code: 'hypermesh.machine_halted' });
    expect([executor.height, executor.root, executor.sequenceOf(alice.owner)]).toEqual([0, root, 0]);
    expect(utf8(executor.query('mesh', 'register', Buffer.from('a')))).toBe('');
    await executor.close();
  });

  test('leaves the root alone for a block without batches', async () => {
    const directory = await temporaryDirectory();
    const executor = await world.open(directory);
    const { root } = executor;
    await executor.execute({ height: 1, id: new Uint8Array(32), time: 5, batches: [] });
    expect([executor.height, executor.root]).toEqual([1, root]);
    expect(() => executor.state('nobody')).toThrow(expect.objectContaining({ code: 'hypermesh.machine_unknown' }));
    await executor.close();
  });
});

describe('the store', () => {
  test('gives the same root to whoever executed the same blocks, before and after loading', async () => {
    const one = await temporaryDirectory();
    const two = await temporaryDirectory();
    const alice = world.members[0]!;
    const blocks = [
      blockOf(1, await signed(alice, 1, { operations: [put('a', '1')] })),
      blockOf(2, await signed(alice, 2, { operations: [put('b', '2')] }), await signed(alice, 3, { operations: [put('a', '')] })),
    ];
    const roots: Uint8Array[] = [];
    let executor = await world.open(one);
    for (const block of blocks) {
      roots.push((await executor.execute(block)).root);
      await executor.close();
      executor = await world.open(one);
      expect([executor.height, executor.root]).toEqual([block.height, roots.at(-1)]);
    }
    const other = await world.open(two);
    for (const [at, block] of blocks.entries()) expect((await other.execute(block)).root).toEqual(roots[at]);
    await Promise.all([executor.close(), other.close()]);
  });

  test('proves receipts to any later root, and no other', async () => {
    const directory = await temporaryDirectory();
    const executor = await world.open(directory);
    const alice = world.members[0]!;
    const transactions = await Promise.all(
      Array.from({ length: 11 }, (_, at) => signed(alice, at + 1, { operations: [put('a', `${at}`)] })),
    );
    const roots: Uint8Array[] = [executor.root];
    for (const [at, size] of [1, 2, 3, 5].entries()) {
      const from = [0, 1, 3, 6][at]!;
      roots.push((await executor.execute(blockOf(at + 1, ...transactions.slice(from, from + size)))).root);
    }
    for (const { id } of transactions) {
      const receipt = (await executor.receipt(id))!;
      for (let height = receipt.height; height <= executor.height; height++) {
        const proof = await executor.proveReceipt(id, height);
        expect(verifyReceipt(receipt, proof, roots[height]!)).toBe(true);
        expect(verifyReceipt(receipt, proof, roots[height - 1]!)).toBe(false);
        expect(verifyReceipt({ ...receipt, code: 'x' }, proof, roots[height]!)).toBe(false);
      }
      if (receipt.height > 1) {
        await expect(executor.proveReceipt(id, receipt.height - 1)).rejects.toMatchObject({ code: 'hypermesh.receipt_unknown' });
      }
    }
    expect(await executor.receipt(new Uint8Array(32))).toBeUndefined();
    await expect(executor.proveReceipt(new Uint8Array(32), 1)).rejects.toMatchObject({ code: 'hypermesh.receipt_unknown' });
    await executor.close();
  });

  test('refuses state that was altered on disk', async () => {
    const directory = await temporaryDirectory();
    const alice = world.members[0]!;
    const executor = await world.open(directory);
    await executor.execute(blockOf(1, await signed(alice, 1, { operations: [put('a', '1')] })));
    await executor.close();
    const db = new Level<Uint8Array, Uint8Array>(directory, { keyEncoding: 'view', valueEncoding: 'view' });
    await db.put(Buffer.from('smesh\u0000register/a'), Buffer.from('2'));
    await db.close();
    await expect(world.open(directory)).rejects.toMatchObject({ code: 'hypermesh.state_corrupt' });
  });

  test('halts at genesis like anywhere else and knows no state without a store', async () => {
    const directory = await temporaryDirectory();
    const executor = await world.open(directory);
    await expect(world.open(directory)).rejects.toMatchObject({ code: 'hypermesh.state_corrupt' });
    await executor.close();
    const failing = { ...createRegisterMachine([]), beginBlock: () => expect.unreachable() };
    const other = await temporaryDirectory();
    const halting = await world.open(other, [failing]);
    const transaction = await signed(world.members[0]!, 1, { operations: [put('a', '1')] });
    await expect(halting.execute(blockOf(1, transaction))).rejects.toMatchObject({ code: 'hypermesh.machine_halted' });
    await halting.close();
  });
});
