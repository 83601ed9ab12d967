import {
  type BilledNode,
  type BilledPlacement,
  caesarOperationCodec,
  type CaesarOperation,
  createCaesarMachine,
  issueSupply,
  ownerAccount,
  type Period,
  periodCodec,
  SUPPLY_UNITS,
  type VerifyHybrid,
} from '@hypermesh/caesar';
import type { Machine, StateWriter } from '@hypermesh/mesh/machine';
import { decode, encode } from '@hypermesh/stoq';
import { contextOf, createMapState, idOf } from './map-state.ts';

export const OWNER: Uint8Array = new Uint8Array(32).fill(1);
export const PROVIDER: Uint8Array = new Uint8Array(32).fill(2);
export const STRANGER: Uint8Array = new Uint8Array(32).fill(3);
export const MESH_ID: Uint8Array = new Uint8Array(32);
export const HOUR = 3_600_000;

/** Open since time 0: one core and one GiB. */
export const PLACEMENT: BilledPlacement = {
  id: 'hello-1',
  app: 'hello',
  appOwner: OWNER,
  provider: PROVIDER,
  openedAt: 0,
  closedAt: null,
  memoryBytes: 2 ** 30,
  cpuMillis: 1_000,
};

const OWNED_AT_FIRST = 10_000_000_000n;

/** The machine over an ordered map, beside a mesh that tests write down. */
export class Ledger {
  readonly state: StateWriter = createMapState();
  readonly machine: Machine;
  /** In id order. */
  placements: readonly BilledPlacement[] = [PLACEMENT];
  readonly ingresses: Map<Uint8Array, BilledNode> = new Map();
  /** By whose invitation a member is there. */
  readonly invitedBy: Map<Uint8Array, Uint8Array> = new Map();
  /** Placements that the machine has read in walks. */
  looked = 0;

  constructor(verifyHybrid: VerifyHybrid = () => true) {
    const bytesOf = (id: Uint8Array): string => Buffer.from(id).toString('hex');
    const find = <Found>(among: Map<Uint8Array, Found>, id: Uint8Array): Found | undefined =>
      [...among].find(([key]) => bytesOf(key) === bytesOf(id))?.[1];
    this.machine = createCaesarMachine({
      verifyHybrid,
      placements: () => ({
        placements: (after) => this.#walk(({ id }) => id > after),
        placementsOf: (app) => this.#walk((placement) => placement.app === app),
        placement: (id) => this.placements.find((placement) => placement.id === id),
        ingress: (node) => find(this.ingresses, node),
        sponsors: (member) => {
          const owner = find(this.ingresses, member)?.owner ?? member;
          return [owner, find(this.invitedBy, member) ?? owner];
        },
      }),
    });
    issueSupply(this.state, [
      { account: ownerAccount(OWNER), amount: OWNED_AT_FIRST },
      { account: 'pool/rewards', amount: SUPPLY_UNITS - OWNED_AT_FIRST },
    ]);
    this.state.set(new TextEncoder().encode('mesh-id/'), MESH_ID);
  }

  apply(owner: Uint8Array, time: number, operation: CaesarOperation): Uint8Array {
    return this.machine.apply(this.state, encode(caesarOperationCodec, operation), contextOf(owner, time, createMapState()));
  }

  fund(amount: bigint, id = 1): void {
    this.apply(OWNER, 1, { kind: 'escrow.fund', id: idOf(id), app: 'hello', amount });
  }

  close(time: number, after: number): Period {
    return decode(periodCodec, this.apply(STRANGER, time, { kind: 'period.close', after }));
  }

  *#walk(isWanted: (placement: BilledPlacement) => boolean): Iterable<BilledPlacement> {
    for (const placement of this.placements.filter(isWanted)) {
      this.looked += 1;
      yield placement;
    }
  }
}

export function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code ?? `untyped: ${String(error)}`;
  }
}
