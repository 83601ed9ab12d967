import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type KeyPair, systemClock, systemEntropy } from '@hypermesh/stoq';
import { createLogger, createMetrics } from '@hypermesh/stoq/host';
import { encodeGenesis, meshIdOf } from '@hypermesh/trustchain';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Machine } from '../../src/machine/machine.ts';
import { createValidator, type Validator, type ValidatorComponents } from '../../src/validator/validator.ts';
import { temporaryDirectory } from '../executor/fixture.ts';
import { createRegisterMachine, put, registerAccounts } from '../executor/register-machine.ts';
import { signTransaction } from '../../src/transaction/transaction.ts';
import { createMeshKeys, LocalMesh, type MeshKeys } from './local-mesh.ts';

let keys: MeshKeys;
let mesh: LocalMesh;
beforeAll(async () => {
  keys = await createMeshKeys({ validators: 1, voteAlgorithm: 'ed25519' });
  mesh = await LocalMesh.create(keys);
}, 60_000);
afterAll(async () => {
  await mesh.close();
  await keys.crypto.close();
});

/** The one validator of a mesh of one: it needs no network, and its own disk decides everything. */
function alone(directory: string, fields: Partial<ValidatorComponents> = {}): { validator: Validator; alarms: Error[] } {
  const alarms: Error[] = [];
  const host = { serve: () => {}, connect: () => ({}) } as never;
  const components: ValidatorComponents = {
    host,
    crypto: keys.crypto,
    clock: systemClock,
    entropy: systemEntropy,
    machines: mesh.machines(),
    accounts: registerAccounts,
    voteSigner: keys.crypto.createSigner(keys.validators[0]!.vote),
    logger: createLogger({ name: 'test', level: 'silent' }),
    alarm: (error) => alarms.push(error),
    ...fields,
  };
  const { genesis } = mesh;
  return { validator: createValidator(components, { directory, genesis, nodeId: genesis.validators[0]!.nodeId }), alarms };
}

async function write(validator: Validator, sequence: number, key: string, waitMs = 10_000): Promise<void> {
  const { owner, signer } = mesh.accounts[0]!;
  const body = { meshId: meshIdOf(mesh.genesis), owner, sequence, machine: 'mesh', operations: [put(key, 'x')], key: null };
  const id = await validator.submit((await signTransaction(body, signer)).encoded);
  await validator.receipt(id, { signal: AbortSignal.timeout(waitMs) });
}

async function written(): Promise<{ directory: string; height: number; root: Uint8Array }> {
  const directory = await temporaryDirectory();
  const { validator } = alone(directory);
  await validator.start();
  for (let at = 1; at <= 3; at++) await write(validator, at, `k${at}`);
  const { height, root } = validator;
  await validator.stop();
  return { directory, height, root };
}

/** Waits for the execution of what was committed. */
async function reached(validator: Validator, height: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const unsubscribe = validator.onBlock(() => look());
    const look = (): void => {
      if (validator.height < height) return;
      unsubscribe();
      resolve();
    };
    look();
  });
}

describe('a validator', () => {
  test('goes on where it stopped, and executes again what the disk has lost of the state', async () => {
    const { directory, height, root } = await written();
    await rm(join(directory, 'state'), { recursive: true });
    const { validator, alarms } = alone(directory);
    await validator.start();
    onTestFinished(() => validator.stop());
    await reached(validator, height);
    expect([validator.height, validator.root]).toEqual([height, root]);
    await write(validator, 4, 'k4');
    expect(alarms).toEqual([]);
  });

  test.each([
    ['its safety', 'safety', 'hypermesh.safety_lost'],
    ['its blocks but not what they led to', 'blocks', 'hypermesh.state_corrupt'],
  ])('that has lost %s says so', async (_, lost, code) => {
    const { directory } = await written();
    await rm(join(directory, lost), { recursive: true });
    const { validator, alarms } = alone(directory);
    try {
      await validator.start();
      await new Promise((resolve) => setImmediate(resolve));
      expect(alarms).toMatchObject([{ code }]);
      expect(validator.status().halted).toBe(code);
    } catch (error) {
      expect(error).toMatchObject({ code });
    }
    await validator.stop();
  });

  test('stops when a machine fails in a way that it may not', async () => {
    const broken = mesh.machines().map((machine): Machine => ({
      ...machine,
      apply: () => {
        throw new RangeError('a mistake');
      },
    }));
    const { validator, alarms } = alone(await temporaryDirectory(), { machines: broken });
    await validator.start();
    onTestFinished(() => validator.stop());
    const { owner, signer } = mesh.accounts[0]!;
    const body = { meshId: meshIdOf(mesh.genesis), owner, sequence: 1, machine: 'mesh', operations: [put('a', 'x')], key: null };
    const id = await validator.submit((await signTransaction(body, signer)).encoded);
    const waiting = validator.receipt(id, { signal: AbortSignal.timeout(500) });
    await expect(waiting).rejects.toMatchObject({ code: 'hypermesh.not_committed' });
    expect(alarms).toMatchObject([{ code: 'hypermesh.machine_halted' }]);
    expect(validator.status()).toMatchObject({ halted: 'hypermesh.machine_halted', executedHeight: 0 });
  });

  test('stops when its vote key fails', async () => {
    const publicKey = keys.validators[0]!.vote.publicKey;
    const voteSigner = { publicKey, sign: () => Promise.reject(new Error('the token was pulled')) };
    const { validator, alarms } = alone(await temporaryDirectory(), { voteSigner });
    await validator.start();
    onTestFinished(() => validator.stop());
    await expect(write(validator, 1, 'a', 500)).rejects.toMatchObject({ code: 'hypermesh.not_committed' });
    expect(alarms).toMatchObject([{ code: 'hypermesh.validator_halted' }]);
  });

  test('answers nothing before it runs, and shows what it does', async () => {
    const metrics = createMetrics({ name: 'test' });
    const { validator } = alone(await temporaryDirectory(), { metrics });
    await expect(validator.submit(new Uint8Array())).rejects.toMatchObject({ code: 'hypermesh.not_running' });
    expect(() => validator.status()).toThrow(expect.objectContaining({ code: 'hypermesh.not_running' }));
    expect(await metrics.text()).toContain('hypermesh_executed_height{daemon="test"} 0');
    await validator.start();
    onTestFinished(() => validator.stop());
    await write(validator, 1, 'a');
    expect(Buffer.from([...validator.state('mesh').scan(Buffer.from('register/'))][0]![0]).toString()).toBe('register/a');
    expect([validator.sequenceOf(mesh.accounts[0]!.owner), validator.time > mesh.genesis.createdAt]).toEqual([1, true]);
    const text = await metrics.text();
    expect(text).toContain(`hypermesh_executed_height{daemon="test"} ${validator.height}`);
    expect(text).toContain('hypermesh_transactions_total{outcome="applied",daemon="test"} 1');
  });

  test('is the one that genesis names, with the machines of genesis', async () => {
    const directory = await temporaryDirectory();
    const stranger = await keys.crypto.generateKeyPair('ed25519');
    expect(() => alone(directory, { voteSigner: keys.crypto.createSigner(stranger) })).toThrow(
      expect.objectContaining({ code: 'hypermesh.not_validator' }),
    );
    const [machine] = mesh.machines() as [Machine];
    for (const [machines, code] of [
      [[], 'hypermesh.machine_unknown'],
      [[{ ...machine, version: 2 }], 'hypermesh.machine_version'],
      [[machine, createRegisterMachine([], 'more')], 'hypermesh.machine_unknown'],
    ] as const) {
      await expect(alone(directory, { machines }).validator.start()).rejects.toMatchObject({ code });
    }
    // Nothing stays open after a start that failed.
    const { validator } = alone(directory);
    await validator.start();
    await validator.stop();
  });

  test('loses nothing that it acknowledged to SIGKILL', { timeout: 120_000 }, async () => {
    const directory = await temporaryDirectory();
    const file = join(directory, 'keys.json');
    const { owner } = mesh.accounts[0]!;
    await writeFile(
      file,
      JSON.stringify({
        genesis: hex(encodeGenesis(mesh.genesis)),
        vote: pair(keys.validators[0]!.vote),
        account: { classical: pair(keys.accounts[0]!.classical), postQuantum: pair(keys.accounts[0]!.postQuantum) },
      }),
    );
    const home = join(directory, 'v0');
    let sequence = 0;
    for (let round = 0; round < 3; round++) {
      const child = fork(new URL('./validator.entry.ts', import.meta.url), [home, file], {
        execArgv: ['--conditions=@hypermesh/source'],
        stdio: 'inherit',
      });
      const acknowledged: number[] = [];
      child.on('message', (count: number) => {
        acknowledged.push(count);
        // Some milliseconds later: in the middle of something else each time.
        if (acknowledged.length === 5) setTimeout(() => child.kill('SIGKILL'), 9 * round);
      });
      await once(child, 'exit');
      expect(acknowledged).toHaveLength(new Set(acknowledged).size);
      expect(acknowledged.length).toBeGreaterThanOrEqual(5);
      sequence = Math.max(sequence, ...acknowledged);
    }
    const { validator, alarms } = alone(home);
    await validator.start();
    onTestFinished(() => validator.stop());
    await reached(validator, validator.status().committedHeight);
    expect(validator.sequenceOf(owner)).toBeGreaterThanOrEqual(sequence);
    for (let at = 1; at <= sequence; at++) {
      expect(Buffer.from(validator.query('mesh', 'register', Buffer.from(`k${at}`))).toString()).toBe('x');
    }
    expect(alarms).toEqual([]);
  });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function pair({ publicKey, secretKey }: KeyPair): object {
  return { algorithm: publicKey.algorithm, publicKey: hex(publicKey.bytes), secretKey: hex(secretKey.bytes) };
}
