import {
  bigUint,
  bytes,
  type Codec,
  type Decoded,
  decode,
  encode,
  equalBytes,
  hasCode,
  list,
  struct,
  text,
  uint,
  union,
} from '@hypermesh/stoq';
import { genesisCodec } from '@hypermesh/trustchain';
import type { ApplyContext, GenesisInput, Machine, StateReader, StateWriter } from '@hypermesh/mesh/machine';
import { caesarError } from './errors.ts';
import { APP_NAME_LENGTH_MAX, closeEscrow, fundEscrow, openEscrow } from './escrow/escrow.ts';
import { ownerAccount } from './ledger/account.ts';
import { textKey } from './ledger/keys.ts';
import { applyTransfers, expirePending, issueSupply } from './ledger/ledger.ts';
import { type Transfer, transferCodec } from './ledger/transfer.ts';
import { countersignedCountCodec, recordCount, type VerifyHybrid } from './metering/request-count.ts';
import { answerQuery } from './query.ts';
import { isSettled } from './settlement/charges.ts';
import { closePeriod, periodCodec } from './settlement/period.ts';
import type { PlacementView } from './settlement/placement-view.ts';

export const CAESAR_MACHINE: string = 'caesar';
export const CAESAR_MACHINE_VERSION: number = 1;

/** Name of the machine whose state bills are made from. */
const MESH = 'mesh';

// All transfers of one operation stand or fall together; larger sets go into further operations of the same transaction.
export const LINKED_TRANSFERS_MAX: number = 1_000;

/** The operations of the machine. Transfers of one operation are linked: all or nothing. */
export const caesarOperationCodec: Codec<CaesarOperation> = union({
  transfers: struct({ transfers: list(transferCodec, LINKED_TRANSFERS_MAX) }),
  'escrow.fund': struct({ id: bytes(16), app: text(APP_NAME_LENGTH_MAX), amount: bigUint(63) }),
  'escrow.close': struct({ id: bytes(16), app: text(APP_NAME_LENGTH_MAX) }),
  'requests.count': struct({ counted: countersignedCountCodec }),
  'period.close': struct({ after: uint() }),
}) as Codec<CaesarOperation>;

export type CaesarOperation =
  | { readonly kind: 'transfers'; readonly transfers: readonly Transfer[] }
  | { readonly kind: 'escrow.fund'; readonly id: Uint8Array; readonly app: string; readonly amount: bigint }
  | { readonly kind: 'escrow.close'; readonly id: Uint8Array; readonly app: string }
  | { readonly kind: 'requests.count'; readonly counted: Decoded<typeof countersignedCountCodec> }
  /** `after`: number of the last closed period, so that two callers close one period and not two. */
  | { readonly kind: 'period.close'; readonly after: number };

export interface CaesarMachineOptions {
  /** Reads the mesh machine's state. */
  readonly placements: (mesh: StateReader) => PlacementView;
  readonly verifyHybrid: VerifyHybrid;
}

/** The ledger as a machine of the log. */
export function createCaesarMachine(options: CaesarMachineOptions): Machine {
  return {
    name: CAESAR_MACHINE,
    version: CAESAR_MACHINE_VERSION,
    views: [MESH],
    genesis(state: StateWriter, input: GenesisInput): void {
      issueSupply(state, decode(genesisCodec, input.genesis).pools);
      state.set(MESH_ID, input.meshId);
    },
    beginBlock(state: StateWriter, context: ApplyContext): void {
      expirePending(state, context.time);
    },
    apply(state: StateWriter, operation: Uint8Array, context: ApplyContext): Uint8Array {
      return applyOperation(state, decodeOperation(operation), context, options);
    },
    query: answerQuery,
  };
}

const MESH_ID = textKey('mesh-id');
const NOTHING = new Uint8Array();

function decodeOperation(bytesOfOperation: Uint8Array): CaesarOperation {
  try {
    return decode(caesarOperationCodec, bytesOfOperation);
  } catch (cause) {
    if (hasCode(cause, 'stoq.codec_malformed') || hasCode(cause, 'stoq.codec_limit')) {
      throw caesarError('caesar.operation_malformed', {}, { cause });
    }
    throw cause;
  }
}

function applyOperation(state: StateWriter, operation: CaesarOperation, context: ApplyContext, options: CaesarMachineOptions): Uint8Array {
  const author = ownerAccount(context.owner);
  switch (operation.kind) {
    case 'transfers':
      applyTransfers(state, author, operation.transfers, context.time, assertAuthorised);
      return NOTHING;
    case 'escrow.fund':
      fundEscrow(state, { ...operation, owner: context.owner }, context.time);
      return NOTHING;
    case 'escrow.close':
      openEscrow(state, context.owner, operation.app);
      assertNothingToSettle(state, placementsOf(context, options), context.owner, operation.app);
      closeEscrow(state, { ...operation, owner: context.owner }, context.time);
      return NOTHING;
    case 'requests.count': {
      const meshId = state.get(MESH_ID) ?? NOTHING;
      const view = placementsOf(context, options);
      recordCount(state, operation.counted, { meshId, submitter: context.owner, time: context.time, view, verify: options.verifyHybrid });
      return NOTHING;
    }
    case 'period.close':
      return encode(periodCodec, closePeriod(state, operation.after, placementsOf(context, options), context.time));
  }
}

function assertAuthorised(author: string, transfer: Transfer): void {
  if (transfer.debit !== author) throw caesarError('caesar.not_authorised', { account: transfer.debit });
  // Escrow is funded and spent through its own operations only, so that its record matches its account.
  if (!transfer.credit.startsWith('owner/') && !transfer.credit.startsWith('pool/')) throw caesarError('caesar.account_invalid');
}

function assertNothingToSettle(state: StateReader, view: PlacementView, owner: Uint8Array, app: string): void {
  for (const placement of view.placementsOf(app)) {
    const own = equalBytes(placement.appOwner, owner);
    if (own && !isSettled(state, placement)) throw caesarError('caesar.escrow_in_use', { placement: placement.id });
  }
}

function placementsOf(context: ApplyContext, options: CaesarMachineOptions): PlacementView {
  const mesh = context.view(MESH);
  return mesh === undefined ? NO_PLACEMENTS : options.placements(mesh);
}

/** A mesh whose genesis names no mesh machine has nothing to bill. */
const NO_PLACEMENTS: PlacementView = {
  placements: () => [],
  placementsOf: () => [],
  placement: () => undefined,
  ingress: () => undefined,
  sponsors: () => [],
};
