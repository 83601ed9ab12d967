import type { Role, SignatureAlgorithm } from '@hypermesh/stoq';
import type { MachineEntry, Parameter, PoolEntry } from '../genesis/genesis.ts';

/** Everything that is decided before a mesh exists. */
export interface MeshPlan {
  readonly meshName: string;
  /** `host:port` where trustchaind will be reached. */
  readonly trustchaind: readonly string[];
  readonly validators: readonly PlannedValidator[];
  /** Everybody else who gets keys and a join token now. */
  readonly members: readonly PlannedMember[];
  readonly operators: PlannedOperators;
  readonly machines: readonly MachineEntry[];
  /** Accounts and amounts; whatever `supplyUnits` leaves over goes to `remainder`. */
  readonly pools: readonly PoolEntry[];
  readonly endowments: readonly Endowment[];
  readonly remainder: string;
  readonly supplyUnits: bigint;
  readonly parameters: readonly Parameter[];
  readonly voteAlgorithm: SignatureAlgorithm;
  /** From now; join tokens that lie about longer are of no use. */
  readonly tokenLifetimeMs: number;
}

export interface PlannedValidator {
  readonly name: string;
  readonly addresses: readonly string[];
}

export interface PlannedMember {
  readonly name: string;
  readonly roles: readonly Role[];
  /** DNS names that its certificate may carry. */
  readonly names: readonly string[];
}

/** Holders of the keys that may start a new incarnation of the mesh, `threshold` of them together. */
export interface PlannedOperators {
  readonly names: readonly string[];
  readonly threshold: number;
}

/** What a member owns from the start. */
export interface Endowment {
  /** Name of a member or validator. */
  readonly member: string;
  /** Units of 1e-9 CAES. */
  readonly amount: bigint;
}

export interface PlanOptions {
  readonly meshName: string;
  readonly trustchaind: readonly string[];
  readonly validators: readonly PlannedValidator[];
  /** The ledger's whole supply: the machine refuses any other sum. */
  readonly supplyUnits: bigint;
  /** Name of the first user; owner and operator. */
  readonly user: string;
  /** What the first user owns from the start. */
  readonly endowment: bigint;
  readonly parameters?: readonly Parameter[];
}

export const ZONE: string = 'mesh';
/** The account that rewards are paid from. */
export const REWARD_POOL: string = 'pool/rewards';
const DAY_MS = 24 * 3_600_000;
// The first start of every daemon follows within a week, or the plan was another one.
const TOKEN_LIFETIME_MS: number = 7 * DAY_MS;

/** The plan of a mesh with one daemon of each kind and one user, who is also its operator. */
export function createMeshPlan(options: PlanOptions): MeshPlan {
  const { meshName, trustchaind, validators, supplyUnits, user, endowment, parameters = [] } = options;
  return {
    meshName,
    trustchaind,
    validators,
    members: [
      { name: 'catalogd', roles: ['service'], names: [`catalog.${ZONE}`] },
      { name: 'caesard', roles: ['service'], names: [`caesar.${ZONE}`] },
      { name: 'stoqd', roles: ['node'], names: [`stoqd.${ZONE}`] },
      { name: user, roles: ['operator', 'owner', 'viewer'], names: [] },
    ],
    operators: { names: ['operator-1'], threshold: 1 },
    machines: ['mesh', 'catalog', 'caesar'].map((name) => ({ name, version: 1 })),
    pools: [],
    endowments: [{ member: user, amount: endowment }],
    remainder: REWARD_POOL,
    supplyUnits,
    parameters,
    voteAlgorithm: 'falcon1024',
    tokenLifetimeMs: TOKEN_LIFETIME_MS,
  };
}
