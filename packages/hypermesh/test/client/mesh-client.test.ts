import { type Client, CodedError, encode, type Host } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MeshMethods, MeshStatus, ReceiptAnswer } from '../../src/api.ts';
import { createMeshClient, type MeshClient } from '../../src/client/mesh-client.ts';
import { validatorTargets } from '../../src/client/validator-targets.ts';
import { hypermeshError } from '../../src/errors.ts';
import { AppendOnlyTree, proveInclusion } from '../../src/state/append-only-tree.ts';
import { rootOfRoots, type StateRoots } from '../../src/state/root-of-roots.ts';
import { type Receipt, receiptCodec, receiptHash, receiptProofCodec } from '../../src/transaction/receipt.ts';
import { decodeTransaction } from '../../src/transaction/transaction.ts';
import { certifiedBlockCodec } from '../../src/validator/block-store.ts';
import { TestChain } from '../follower/chain.ts';
import { createMeshKeys, LocalMesh, type MeshKeys } from '../validator/local-mesh.ts';

let keys: MeshKeys;
let mesh: LocalMesh;
beforeAll(async () => {
  keys = await createMeshKeys({ voteAlgorithm: 'ed25519' });
  mesh = await LocalMesh.create(keys);
}, 60_000);
afterAll(async () => {
  await mesh.close();
  await keys.crypto.close();
});

type Validator = Partial<Client<MeshMethods>>;

/** A client of validators that answer as the tests say; one without an answer is away. */
function clientOf(...validators: readonly Validator[]): { client: MeshClient; clock: SteppedClock } {
  const clock = new SteppedClock();
  const away = (): Promise<never> => Promise.reject(new CodedError('stoq.carrier_refused', { message: 'away', retryable: true }));
  let at = 0;
  const connect = (): unknown => ({
    submit: away,
    submitAll: away,
    receipt: away,
    query: away,
    account: away,
    status: away,
    ...validators[at++],
  });
  const host = { connect } as unknown as Host;
  return {
    clock,
    client: createMeshClient(
      { host, crypto: keys.crypto, clock },
      { genesis: mesh.genesis, targets: validatorTargets(mesh.genesis, 'bundle') },
    ),
  };
}

/** What a validator answers for a transaction that was executed at height 1 with that code. */
async function answerFor(transactionId: Uint8Array, code = '', voters = [0, 1, 2]): Promise<ReceiptAnswer> {
  const receipt: Receipt = { transactionId, height: 1, index: 0, code, results: [] };
  const leaf = receiptHash(encode(receiptCodec, receipt));
  const tree = new AppendOnlyTree().append([leaf]).tree;
  const roots: StateRoots = { machines: [], sequences: new Uint8Array(32), receipts: tree.head };
  const inclusion = await proveInclusion(() => Promise.resolve(leaf), 0, 1);
  const chain = new TestChain(mesh.genesis, keys);
  const block = await chain.next({ executedHeight: 1, rootOfRoots: rootOfRoots(roots) });
  return {
    receipt: encode(receiptCodec, receipt),
    proof: encode(receiptProofCodec, { inclusion, roots }),
    certified: encode(certifiedBlockCodec, { block, qc: await chain.certificate(block, voters) }),
  };
}

const account = async (): Promise<{ executed: number; next: number }> => ({ executed: 0, next: 1 });
const accept: Validator['submit'] = async ({ transaction }) => ({ id: decodeTransaction(transaction).id });
const operations = [Uint8Array.of(1)];
const soon = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(10_000) });

describe('a transaction', () => {
  test('is settled by a receipt that a quorum vouches for, and by no other', async () => {
    const refused: string[] = [];
    const liar = (code: string, voters?: number[]): Validator => ({
      account,
      submit: accept,
      receipt: async ({ id }) => {
        refused.push(code);
        return answerFor(code === 'id' ? new Uint8Array(32) : id, '', voters);
      },
    });
    const honest: Validator = { account, submit: accept, receipt: async ({ id }) => answerFor(id) };
    const { client } = clientOf(liar('id'), liar('quorum', [0, 1]), {}, honest);
    expect(await client.transact(mesh.accounts[0]!, 'mesh', operations, soon())).toMatchObject({ height: 1, code: '' });
    expect(refused).toEqual(['id', 'quorum']);
  });

  test('that the machine refused fails with its code', async () => {
    const { client } = clientOf({ account, submit: accept, receipt: async ({ id }) => answerFor(id, 'caesar.insufficient_funds') });
    const refusal = client.transact(mesh.accounts[0]!, 'mesh', operations, soon());
    await expect(refusal).rejects.toMatchObject({ code: 'caesar.insufficient_funds', retryable: false, data: { height: 1 } });
  });

  test('takes the sequence that more validators than may be faulty have reached', async () => {
    const sequences: number[] = [];
    const validator = (next: number): Validator => ({
      account: async () => ({ executed: next - 1, next }),
      submit: async ({ transaction }) => {
        const { id, body } = decodeTransaction(transaction);
        sequences.push(body.sequence);
        return { id };
      },
      receipt: async ({ id }) => answerFor(id),
    });
    const { client } = clientOf(validator(3), validator(1000), validator(4), {});
    await client.transact(mesh.accounts[0]!, 'mesh', operations, soon());
    await client.transact(mesh.accounts[0]!, 'mesh', operations, soon());
    expect(sequences).toEqual([4, 5]);
  });

  test('is signed anew when its sequence was taken, a few times', async () => {
    let executed = 0;
    const taken: Validator = {
      account: async () => ({ executed, next: executed + 1 }),
      submit: async () => {
        executed++;
        throw hypermeshError('hypermesh.transaction_sequence');
      },
    };
    const { client, clock } = clientOf(taken);
    const stepping = setInterval(() => void clock.stepAndSettle(250), 1);
    const failing = client.transact(mesh.accounts[0]!, 'mesh', operations, soon());
    await expect(failing).rejects.toMatchObject({ code: 'hypermesh.transaction_sequence' });
    clearInterval(stepping);
    expect(executed).toBe(5);
  });

  test('is submitted again to another validator while nothing comes of it', async () => {
    const submissions: string[] = [];
    const validator = (name: string, receipt: Validator['receipt']): Validator => ({
      account,
      submit: (request, options) => (submissions.push(name), accept!(request, options)),
      receipt: receipt!,
    });
    const { client } = clientOf(
      validator('first', () => Promise.reject(hypermeshError('hypermesh.not_committed'))),
      validator('second', async ({ id }) => answerFor(id)),
    );
    await client.transact(mesh.accounts[0]!, 'mesh', operations, soon());
    expect(submissions).toEqual(['first', 'second']);
  });

  test('that was accepted and lost is handed in again before the next one, until that one is executed', async () => {
    const sequences: number[] = [];
    let abort = new AbortController();
    let isForgetful = true;
    const validator: Validator = {
      account,
      submit: async ({ transaction }) => {
        const { id, body } = decodeTransaction(transaction);
        sequences.push(body.sequence);
        return { id };
      },
      submitAll: async ({ transactions }) => {
        sequences.push(...transactions.map((encoded) => decodeTransaction(encoded).body.sequence));
        return { taken: transactions.length };
      },
      receipt: async ({ id }) => {
        if (!isForgetful) return answerFor(id);
        abort.abort();
        throw hypermeshError('hypermesh.not_committed');
      },
    };
    const { client } = clientOf(validator, { account }, { account }, { account });
    for (const expected of [[1], [1, 2]]) {
      abort = new AbortController();
      sequences.length = 0;
      const lost = client.transact(mesh.accounts[0]!, 'mesh', operations, { signal: abort.signal });
      await expect(lost).rejects.toMatchObject({ code: 'hypermesh.not_committed' });
      expect(sequences).toEqual(expected);
    }
    isForgetful = false;
    for (const expected of [[1, 2, 3], [4]]) {
      sequences.length = 0;
      await client.transact(mesh.accounts[0]!, 'mesh', operations, soon());
      expect(sequences).toEqual(expected);
    }
  });

  test('says why it was not committed', async () => {
    const abort = new AbortController();
    const never: Validator['receipt'] = () => (abort.abort(), Promise.reject(hypermeshError('hypermesh.not_committed')));
    for (const [stalled, code] of [
      ['', 'hypermesh.not_committed'],
      ['2 of 4 validators answer', 'hypermesh.quorum_lost'],
    ] as const) {
      const status = async (): Promise<MeshStatus> => ({ stalled }) as MeshStatus;
      const { client } = clientOf({ account, submit: accept, receipt: never, status });
      await expect(client.transact(mesh.accounts[0]!, 'mesh', operations, { signal: abort.signal })).rejects.toMatchObject({ code });
    }
  });
});

describe('many transactions', () => {
  const MIB = 1024 * 1024;
  const ofBytes = (...lengths: readonly number[]): { encoded: Uint8Array }[] =>
    lengths.map((length) => ({ encoded: new Uint8Array(length) }));

  test('go in calls of 64 and of 1 MiB, in their order', async () => {
    const calls: number[][] = [];
    const { client } = clientOf({
      submitAll: async ({ transactions }) => {
        calls.push(transactions.map(({ length }) => length));
        return { taken: transactions.length };
      },
    });
    await client.submitAll([], soon());
    expect(calls).toEqual([]);
    await client.submitAll(ofBytes(...Array.from({ length: 130 }, (_, at) => at)), soon());
    expect(calls.map(({ length }) => length)).toEqual([64, 64, 2]);
    expect(calls.flat()).toEqual(Array.from({ length: 130 }, (_, at) => at));
    calls.length = 0;
    await client.submitAll(ofBytes(MIB - 1, 1, 1, MIB, MIB), soon());
    expect(calls).toEqual([[MIB - 1, 1], [1], [MIB], [MIB]]);
  });

  test('end at the first that is refused, with its reason; one that is taken after all is passed', async () => {
    const alone: number[] = [];
    const isRefused = (length: number): boolean => length === 3 || length === 5;
    const validator: Validator = {
      submitAll: async ({ transactions }) => {
        const at = transactions.findIndex(({ length }) => isRefused(length));
        return { taken: at < 0 ? transactions.length : at };
      },
      submit: async ({ transaction: { length } }) => {
        alone.push(length);
        if (length === 5) throw hypermeshError('hypermesh.transaction_sequence');
        return { id: new Uint8Array(32) };
      },
    };
    const { client } = clientOf(validator);
    const submitting = client.submitAll(ofBytes(1, 2, 3, 4, 5, 6), soon());
    await expect(submitting).rejects.toMatchObject({ code: 'hypermesh.transaction_sequence' });
    expect(alone).toEqual([3, 5]);
  });

  test('a validator that boasts is not followed beyond what it was given', async () => {
    const calls: number[] = [];
    const { client } = clientOf({ submitAll: async ({ transactions }) => (calls.push(transactions.length), { taken: 1_000 }) });
    await client.submitAll(ofBytes(...Array.from({ length: 65 }, () => 1)), soon());
    expect(calls).toEqual([64, 1]);
  });
});

describe('reads', () => {
  test('go to whoever answers, and never back in height', async () => {
    const asked: number[] = [];
    const validator: Validator = {
      account,
      status: async () => ({ name: 'v1' }) as MeshStatus,
      query: async ({ minHeight }) => (asked.push(minHeight), { result: Uint8Array.of(1), height: 7 }),
    };
    const { client } = clientOf({}, validator);
    await client.query('mesh', 'x', new Uint8Array());
    await client.query('mesh', 'x', new Uint8Array());
    expect(asked).toEqual([0, 7]);
    expect(await client.account(new Uint8Array(32))).toEqual({ executed: 0, next: 1 });
    expect(await client.status()).toMatchObject({ name: 'v1' });
  });

  test('fail with what failed last, or with what no other validator would answer better', async () => {
    const { client } = clientOf();
    await expect(client.query('mesh', 'x', new Uint8Array())).rejects.toMatchObject({ code: 'stoq.carrier_refused' });
    const unknown = clientOf({ query: () => Promise.reject(hypermeshError('hypermesh.machine_unknown')) }, {});
    await expect(unknown.client.query('mesh', 'x', new Uint8Array())).rejects.toMatchObject({ code: 'hypermesh.machine_unknown' });
  });
});
