import type { AccountRules } from '../executor/accounts.ts';
import { meshOperationCodec } from './operation.ts';
import { decode } from '@hypermesh/stoq';
import { memberKey } from './member.ts';

/** Name of the machine that keeps the members. */
export const MESH_MACHINE: string = 'mesh';

/** Who may order: members under their recorded keys, and strangers that only want to join. */
export const meshAccounts: AccountRules = {
  machine: MESH_MACHINE,
  keyOf: memberKey,
  admitsStranger: ({ machine, operations }) => machine === MESH_MACHINE && operations.length === 1 && isJoin(operations[0] as Uint8Array),
};

function isJoin(operation: Uint8Array): boolean {
  try {
    return decode(meshOperationCodec, operation).kind === 'member.join';
  } catch {
    // Whatever it is, it is not a request to join.
    return false;
  }
}
