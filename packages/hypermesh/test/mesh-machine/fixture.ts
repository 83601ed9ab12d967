import {
  createCrypto,
  type Crypto,
  decode,
  encode,
  type HybridPublicKey,
  type KeyPair,
  type Role,
  type Signature,
  systemEntropy,
} from '@hypermesh/stoq';
import { createRoot, encodeGenesis, type Genesis, meshIdOf, nodeIdOf, type Parameter } from '@hypermesh/trustchain';
import { createMeshMachine } from '../../src/mesh-machine/mesh-machine.ts';
import { Overlay } from '../../src/state/overlay.ts';
import { MachineState } from '../../src/state/machine-state.ts';
import type { ApplyContext, Machine, StateWriter } from '../../src/machine/machine.ts';
import type { AppSpec } from '../../src/mesh-machine/app.ts';
import { leaseGrantCodec, type LeaseGrant } from '../../src/mesh-machine/lease.ts';
import { encodeOperation, type MeshOperation, proveOperation, type ProvenOperation } from '../../src/mesh-machine/operation.ts';
import { MESH_QUERIES, type MeshQueries } from '../../src/mesh-machine/query.ts';
import { nextStatement, readVerdict, verdictMessage, type VerdictStatement } from '../../src/mesh-machine/verdict.ts';
import { readParameters } from '../../src/mesh-machine/parameters.ts';

export const GENESIS_TIME: number = Date.UTC(2026, 0, 1);
export const GIB: number = 2 ** 30;

export interface Validator {
  readonly id: Uint8Array;
  readonly key: HybridPublicKey;
  readonly witness: KeyPair<'ml-dsa-44'>;
}

/** Keys and genesis: made once a file. */
export interface Founded {
  readonly crypto: Crypto;
  readonly genesis: Genesis;
  readonly validators: readonly Validator[];
  readonly stranger: HybridPublicKey;
  readonly signatures: Map<string, Signature<'ml-dsa-44'>>;
}

export async function found(validatorCount = 4): Promise<Founded> {
  const crypto = await createCrypto();
  let made = 0;
  // Keys that nobody signs with here: only their bytes count.
  const publicOf = (): HybridPublicKey => {
    made += 1;
    return {
      classical: { algorithm: 'ed25519', bytes: new Uint8Array(32).fill(made) },
      postQuantum: { algorithm: 'falcon1024', bytes: new Uint8Array(1_793).fill(made) },
    };
  };
  const [classical, postQuantum] = [await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024')];
  const pair = { classical: crypto.createSigner(classical), postQuantum: crypto.createSigner(postQuantum) };
  const root = await createRoot(pair, { commonName: 'Root', notBefore: GENESIS_TIME }, { crypto, entropy: systemEntropy });
  const validators: Validator[] = [];
  const entries: Genesis['validators'][number][] = [];
  for (let at = 1; at <= validatorCount; at++) {
    const key = publicOf();
    const witness = await crypto.generateKeyPair('ml-dsa-44');
    const id = nodeIdOf(key.postQuantum);
    validators.push({ id, key, witness });
    const { publicKey: voteKey } = await crypto.generateKeyPair('ed25519');
    const addresses = [`127.0.0.1:${9_000 + at}`];
    entries.push({ name: `validator-${at}`, nodeId: id, voteKey, sessionKey: key, witnessKey: witness.publicKey, addresses });
  }
  const log = (origin: string): Genesis['logs']['packages'] => ({ origin, ...publicOf() });
  const genesis: Genesis = {
    version: 1,
    meshName: 'test',
    createdAt: GENESIS_TIME,
    roots: [root.der],
    trustchaind: { sessionKey: publicOf(), addresses: ['127.0.0.1:9292'] },
    logs: { certificates: log('t/c'), packages: log('t/p'), revocations: log('t/r') },
    validators: entries,
    machines: [{ name: 'mesh', version: 1 }],
    pools: [],
    operators: { threshold: 1, keys: [publicOf()] },
    parameters: [],
  };
  return { crypto, genesis, validators, stranger: publicOf(), signatures: new Map() };
}

/** Small puzzles; leases of 9 s, windows of 60 s. */
const PARAMETERS: Readonly<Record<string, number>> = { leaseMs: 9_000, operationPuzzleBits: 4, windowPuzzleBits: 4 };

export interface Certified {
  readonly nodeId: Uint8Array;
  readonly key: HybridPublicKey;
  readonly roles: readonly Role[];
  readonly names: readonly string[];
}

/** The machine over the executor's own state, with a clock that tests step. */
export class World {
  readonly machine: Machine;
  readonly state: Overlay;
  readonly escrow: Map<string, bigint> = new Map();
  readonly billed: Map<string, number> = new Map();
  /** Units for a thousandth of a core and a millisecond. */
  price = 0n;
  readonly meshId: Uint8Array;
  readonly nodes: readonly Validator[];
  /** Bundles by their first byte. */
  readonly certificates: Map<number, Certified> = new Map();
  time: number = GENESIS_TIME;
  height = 0;
  readonly #founded: Founded;

  constructor(founded: Founded, parameters: Readonly<Record<string, number>> = {}) {
    this.#founded = founded;
    this.nodes = founded.validators;
    const values: Parameter[] = Object.entries({ ...PARAMETERS, ...parameters }).map(([name, value]) => ({ name, value }));
    const genesis = { ...founded.genesis, parameters: values };
    this.meshId = meshIdOf(genesis);
    this.machine = createMeshMachine({
      funds: () => ({
        escrowLeft: (_owner, app, leased) => (this.escrow.get(app) ?? 0n) - leased.cpuMillisMs * this.price,
        isSettled: ({ id, openedAt, closedAt }) => closedAt !== null && (this.billed.get(id) ?? openedAt) >= closedAt,
      }),
      bundleIdentity: (bundle) => this.certificates.get(bundle[0] as number) as Certified,
      verify: (key, message, signature) => founded.crypto.verify(key, message, signature),
    });
    this.state = new Overlay(new MachineState());
    this.machine.genesis(this.state, { meshId: this.meshId, genesis: encodeGenesis(genesis) });
  }

  context(owner: Uint8Array): ApplyContext {
    const blockId = new Uint8Array(32);
    new DataView(blockId.buffer).setUint32(0, this.height);
    const view = (name: string): StateWriter | undefined => (name === 'caesar' ? this.state : undefined);
    return { time: this.time, height: this.height, blockId, transactionId: new Uint8Array(32), owner, view };
  }

  /** A block so many milliseconds after the last. */
  block(afterMs: number): void {
    this.time += afterMs;
    this.height += 1;
    this.machine.beginBlock(this.state, this.context(new Uint8Array(32)));
  }

  /** One transaction of one operation: undone when it throws. */
  apply(owner: Uint8Array, operation: MeshOperation): Uint8Array {
    const mark = this.state.mark();
    try {
      return this.machine.apply(this.state, encodeOperation(operation), this.context(owner));
    } catch (error) {
      this.state.undoTo(mark);
      throw error;
    }
  }

  /** An operation under the proof of the first validator's node. */
  applyProven(owner: Uint8Array, operation: ProvenOperation): Uint8Array {
    return this.apply(owner, this.proven(owner, operation));
  }

  proven<Operation extends ProvenOperation>(owner: Uint8Array, operation: Operation, sponsor: Uint8Array = this.id(0)): Operation {
    const verdict = readVerdict(this.state, sponsor)?.digest ?? new Uint8Array(32);
    const puzzleBits = readParameters(this.state).operationPuzzleBits;
    return proveOperation(operation, { meshId: this.meshId, owner, sponsor, verdict, puzzleBits }, systemEntropy);
  }

  query<Method extends keyof MeshQueries>(method: Method, argument: unknown): ReturnType<MeshQueries[Method]['answer']['read']> {
    const { argument: codec, answer } = MESH_QUERIES[method] as MeshQueries['phase'];
    const encoded = this.machine.query?.(this.state, method, encode(codec, argument as number)) as Uint8Array;
    return decode(answer, encoded) as object as ReturnType<MeshQueries[Method]['answer']['read']>;
  }

  id(node: number): Uint8Array {
    return (this.nodes[node] as Validator).id;
  }

  describe(node: number, changes: Partial<Extract<MeshOperation, { kind: 'node.describe' }>> = {}): void {
    this.apply(this.id(node), description(node, changes));
  }

  renew(node: number, lease: number | null = null): LeaseGrant {
    return decode(leaseGrantCodec, this.apply(this.id(node), { kind: 'lease.renew', lease }));
  }

  async sign(statement: VerdictStatement, signers: readonly number[]): Promise<Extract<MeshOperation, { kind: 'verdict' }>> {
    const signatures = await Promise.all(
      signers.map(async (at) => {
        const { id: member, witness } = this.nodes[at] as Validator;
        const message = verdictMessage(statement);
        const key = `${at}/${Buffer.from(message).toString('hex')}`;
        // Worlds of one file begin alike: what was signed once need not be signed again.
        const signature = this.#founded.signatures.get(key) ?? (await this.#founded.crypto.createSigner(witness).sign(message));
        this.#founded.signatures.set(key, signature);
        return { member, signature };
      }),
    );
    return { kind: 'verdict', statement, signatures };
  }

  async prove(node: number, signers: readonly number[] = [0, 1, 2]): Promise<void> {
    const statement = nextStatement(this.state, this.id(node)) as VerdictStatement;
    this.apply(this.id(node), await this.sign(statement, signers));
  }

  /** Every node described, leased and proven in the first window. */
  async ready(nodeCount: number = this.nodes.length): Promise<this> {
    this.block(1_000);
    for (let node = 0; node < nodeCount; node++) {
      this.describe(node);
      this.renew(node);
      await this.prove(node);
    }
    return this;
  }

  /** Lets time pass in ticks of 3 s in which these nodes renew. */
  run(durationMs: number, nodes: readonly number[]): void {
    for (let left = durationMs; left > 0; left -= 3_000) {
      this.block(Math.min(left, 3_000));
      for (const node of nodes) this.renew(node);
    }
  }

  fund(app: string): void {
    this.escrow.set(app, 1_000n);
  }

  deploy(spec: AppSpec, owner: Uint8Array = this.id(3)): void {
    this.fund(spec.name);
    this.applyProven(owner, { kind: 'app.deploy', spec, proof: null });
  }

  /** Reports every placement of the app in this phase as ready. */
  allReady(app: string): void {
    for (const { id, node, lease, phase } of this.query('placements', { app, node: null, after: '' })) {
      if (phase === 'assigned') this.apply(node, { kind: 'placement.report', id, lease, state: 'ready', reason: '' });
    }
  }
}

export function description(
  node: number,
  changes: Partial<Extract<MeshOperation, { kind: 'node.describe' }>> = {},
): Extract<MeshOperation, { kind: 'node.describe' }> {
  return {
    kind: 'node.describe',
    packageKinds: ['wasm'],
    capacity: { cpuMillis: 2_000, memoryBytes: 2 * GIB, workloads: 10 },
    addresses: [`127.0.0.1:${9_100 + node}`],
    ingress: `127.0.0.1:${9_200 + node}`,
    storageRoot: new Uint8Array(32).fill(node + 1),
    assets: [
      { kind: 'cpu', name: 'cpu', quantity: 2, detail: 'a processor' },
      { kind: 'memory', name: 'memory', quantity: 2 * GIB, detail: '' },
      { kind: 'storage', name: '/', quantity: 100 * GIB, detail: 'ext4' },
    ],
    ...changes,
  };
}

export function appSpec(changes: Partial<AppSpec> = {}): AppSpec {
  return {
    name: 'hello',
    package: { name: 'hello', version: '1.0.0', root: new Uint8Array(32).fill(1), manifest: new Uint8Array(32).fill(2), kind: 'wasm' },
    replicas: 1,
    resources: { cpuMillis: 500, memoryBytes: 256 * 2 ** 20 },
    limits: { pids: 32, fuelPerRequest: 1_000_000n, requestMs: 1_000 },
    env: [],
    args: [],
    health: null,
    restart: 'always',
    exclusive: false,
    onPartition: 'keep',
    ...changes,
  };
}

export function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code ?? `untyped: ${String(error)}`;
  }
}
