import { createQuicCarrier } from '@hypermesh/stoq';
import { createMetrics, type Metrics } from '@hypermesh/stoq/host';
import { ByzantineHost, type Misbehaviour, Prng, sendHandshakeGarbage } from '@hypermesh/testkit';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { MeshClient } from '../../src/client/mesh-client.ts';
import type { ValidatorComponents } from '../../src/validator/validator.ts';
import { put } from '../executor/register-machine.ts';
import { createMeshKeys, LocalMesh, type MeshKeys } from '../validator/local-mesh.ts';

const TIME_LIMIT_MS = 30_000;
const WRITES = 6;

let keys: MeshKeys;
beforeAll(async () => {
  keys = await createMeshKeys({ accounts: 2 });
}, 60_000);
afterAll(() => keys.crypto.close());

/** Four validators over QUIC, those named faulty in that way; what each executes is recorded. */
class FaultyMesh {
  readonly faulty: Map<string, ByzantineHost> = new Map();
  readonly roots: Map<string, Map<number, string>> = new Map();
  readonly #metrics = new Map<string, Metrics>();
  readonly mesh: LocalMesh;

  private constructor(mesh: LocalMesh) {
    this.mesh = mesh;
  }

  static async start(misbehaviour: Misbehaviour, ...faulty: readonly string[]): Promise<FaultyMesh> {
    const mesh = await LocalMesh.create(keys, { carrier: 'quic', roundTimeoutMsBase: 150 });
    onTestFinished(() => mesh.close(), TIME_LIMIT_MS);
    const open = new FaultyMesh(mesh);
    await Promise.all(mesh.names.map((name) => open.#startOne(name, faulty.includes(name) ? misbehaviour : null)));
    return open;
  }

  get honest(): string[] {
    return this.mesh.names.filter((name) => !this.faulty.has(name));
  }

  /** Proofs of faults that the honest validators hold. */
  async evidence(): Promise<number> {
    const texts = await Promise.all(this.honest.map((name) => (this.#metrics.get(name) as Metrics).text()));
    return texts.reduce((sum, text) => sum + Number(/^hypermesh_evidence_total\S* (\d+)/m.exec(text)?.[1] ?? 0), 0);
  }

  /** Garbage below RPC as well, from somebody without an identity. */
  async litter(name: string, seed: number): Promise<void> {
    const carrier = createQuicCarrier();
    const address = this.mesh.genesis.validators[this.mesh.names.indexOf(name)]!.addresses[0]!;
    await sendHandshakeGarbage({ carrier, address, prng: new Prng(seed), signal: AbortSignal.timeout(5_000) });
    await carrier.close();
  }

  async reach(height: number): Promise<void> {
    await Promise.all(
      this.honest.map((name) => {
        const validator = this.mesh.validator(name);
        return new Promise<void>((resolve) => {
          const look = (): void => void (validator.height >= height && (unsubscribe(), resolve()));
          const unsubscribe = validator.onBlock(look);
          look();
        });
      }),
    );
  }

  async #startOne(name: string, misbehaviour: Misbehaviour | null): Promise<void> {
    const metrics = createMetrics({ name });
    this.#metrics.set(name, metrics);
    const { validator } = await this.mesh.startOne(name, this.mesh.machines(), (components) => {
      if (misbehaviour === null) return { metrics };
      const host = this.#disguise(name, components, misbehaviour);
      this.faulty.set(name, host);
      return { metrics, host };
    });
    const roots = new Map<number, string>();
    this.roots.set(name, roots);
    validator.onBlock(({ height, root }) => roots.set(height, Buffer.from(root).toString('hex')));
  }

  #disguise(name: string, { host, voteSigner }: ValidatorComponents, misbehaviour: Misbehaviour): ByzantineHost {
    const { genesis } = this.mesh;
    const { nodeId } = genesis.validators[this.mesh.names.indexOf(name)]!;
    return new ByzantineHost({ host, voteSigner, genesis, nodeId, prng: new Prng(7) }, misbehaviour);
  }
}

async function write(mesh: LocalMesh, client: MeshClient, name: string, value: string): Promise<number> {
  const signal = AbortSignal.timeout(TIME_LIMIT_MS - 5_000);
  return (await client.transact(mesh.accounts[0]!, 'mesh', [put(name, value)], { signal })).height;
}

describe('with one of four validators faulty, the honest ones commit one sequence:', () => {
  test.each<[Misbehaviour, boolean]>([
    ['double-vote', true],
    ['equivocation', true],
    ['garbage', false],
    ['silence', false],
  ])('%s', { timeout: TIME_LIMIT_MS }, async (misbehaviour, provable) => {
    const open = await FaultyMesh.start(misbehaviour, 'v3');
    const { mesh, honest, roots } = open;
    const client = await mesh.client(honest);
    let newest = 0;
    for (let at = 0; at < WRITES; at++) {
      if (misbehaviour === 'garbage') await open.litter(honest[at % honest.length]!, at);
      newest = await write(mesh, client, `k${at}`, String(at));
    }
    await open.reach(newest);
    expect(newest).toBeGreaterThanOrEqual(WRITES / 2);
    for (let height = 1; height <= newest; height++) {
      expect([height, new Set(honest.map((name) => roots.get(name)?.get(height))).size]).toEqual([height, 1]);
    }
    for (const name of honest) {
      const validator = mesh.validator(name);
      const held = Array.from({ length: WRITES }, (_, at) =>
        Buffer.from(validator.query('mesh', 'register', Buffer.from(`k${at}`))).toString(),
      );
      expect(held).toEqual(Array.from({ length: WRITES }, (_, at) => String(at)));
      expect([mesh.running.get(name)?.alarms, validator.status().halted]).toEqual([[], '']);
    }
    if (misbehaviour !== 'silence') expect(open.faulty.get('v3')?.misdeeds).toBeGreaterThan(0);
    expect((await open.evidence()) > 0).toBe(provable);
    // Nothing that was acknowledged depends on the processes that acknowledged it.
    await mesh.stop(...mesh.names);
    await mesh.start(...honest);
    for (const name of honest) {
      expect(Buffer.from(mesh.validator(name).query('mesh', 'register', Buffer.from(`k${WRITES - 1}`))).toString()).toBe(
        String(WRITES - 1),
      );
    }
  });
});

test('with two silent the mesh stops and says why, and goes on unaided when one speaks again', { timeout: TIME_LIMIT_MS }, async () => {
  const open = await FaultyMesh.start('silence', 'v2', 'v3');
  const { mesh, faulty } = open;
  for (const host of faulty.values()) host.misbehaviour = null;
  const client = await mesh.client(['v0', 'v1']);
  await write(mesh, client, 'a', 'before');
  for (const host of faulty.values()) host.misbehaviour = 'silence';
  const waiting = client.transact(mesh.accounts[1]!, 'mesh', [put('b', 'late')], { signal: AbortSignal.timeout(4_000) });
  await expect(waiting).rejects.toMatchObject({
    code: 'hypermesh.quorum_lost',
    data: { reason: '2 of 4 validators answer; a quorum needs 3: no answer from v2, v3' },
  });
  const stopped = mesh.validator('v0').status();
  expect(stopped.stalled).toContain('no answer from v2, v3');
  expect(mesh.validator('v1').status().committedHeight).toBe(stopped.committedHeight);
  faulty.get('v2')!.misbehaviour = null;
  const height = await write(mesh, client, 'a', 'after');
  expect(height).toBeGreaterThan(stopped.committedHeight);
  await open.reach(height);
  const registers = (name: string): string[] =>
    ['a', 'b'].map((key) => Buffer.from(mesh.validator(name).query('mesh', 'register', Buffer.from(key))).toString());
  expect([registers('v0'), registers('v1')]).toEqual([
    ['after', 'late'],
    ['after', 'late'],
  ]);
  expect(mesh.validator('v0').status()).toMatchObject({ stalled: '', halted: '' });
});
