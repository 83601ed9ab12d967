import type { Crypto } from '@hypermesh/stoq';
import { decodeGenesis } from '@hypermesh/trustchain';
import type { ApplyContext, GenesisInput, Machine, StateReader, StateWriter } from '../machine/machine.ts';
import { MESH_MACHINE } from './accounts.ts';
import { deploy, remove, report, scale } from './app-operations.ts';
import { beginBlock } from './begin-block.ts';
import { addCommitteeMember, writeMember } from './member.ts';
import { advance, type BundleCheck, invite, join } from './membership.ts';
import { cordon, describe, moveAsset, renew } from './node-operations.ts';
import { decodeOperation, type MeshOperation, unproven } from './operation.ts';
import { useProof } from './operation-proof.ts';
import { parametersOf, writeParameters } from './parameters.ts';
import { answerQuery } from './query.ts';
import { recordVerdict } from './verdict.ts';
import { FUNDS_MACHINE, type FundsView, fundsOf } from './views.ts';

export const MESH_MACHINE_VERSION: number = 1;

export interface MeshMachineOptions {
  /** Reads the ledger's state. */
  readonly funds: (caesar: StateReader) => FundsView;
  readonly bundleIdentity: BundleCheck;
  readonly verify: Crypto['verify'];
}

/** Members, nodes, leases, proofs of state, apps and their placements as a machine of the log. */
export function createMeshMachine(options: MeshMachineOptions): Machine {
  return {
    name: MESH_MACHINE,
    version: MESH_MACHINE_VERSION,
    views: [FUNDS_MACHINE],
    genesis: writeGenesis,
    beginBlock: (state, context) => beginBlock(state, context, options.funds),
    apply: (state, operation, context) => applyOperation(state, decodeOperation(operation), context, options),
    query: answerQuery,
  };
}

const NOTHING = new Uint8Array();

function writeGenesis(state: StateWriter, input: GenesisInput): void {
  const genesis = decodeGenesis(input.genesis);
  writeParameters(state, parametersOf(genesis, input.meshId));
  for (const { name, nodeId: id, sessionKey: key, witnessKey, addresses } of genesis.validators) {
    writeMember(state, { id, name, roles: ['node', 'validator'], key, owner: id, addresses, joinedAt: 0, invitedBy: null });
    addCommitteeMember(state, { id, witnessKey });
  }
}

function applyOperation(state: StateWriter, operation: MeshOperation, context: ApplyContext, options: MeshMachineOptions): Uint8Array {
  if ('proof' in operation) useProof(state, operation.proof, { owner: context.owner, operation: unproven(operation) });
  switch (operation.kind) {
    case 'member.join':
      join(state, operation, context, options.bundleIdentity);
      return NOTHING;
    case 'invite':
      invite(state, operation, context);
      return NOTHING;
    case 'phase.advance':
      advance(state, operation.to, context);
      return NOTHING;
    case 'node.describe':
      describe(state, operation, context);
      return NOTHING;
    case 'lease.renew':
      return renew(state, operation, context);
    case 'verdict':
      recordVerdict(state, operation, { ...context, verify: options.verify });
      return NOTHING;
    case 'node.cordon':
      cordon(state, operation, context);
      return NOTHING;
    case 'asset.transition':
      moveAsset(state, operation, context);
      return NOTHING;
    case 'app.deploy':
      return deploy(state, operation.spec, context, fundsOf(context, options.funds));
    case 'app.scale':
      return scale(state, operation, context, fundsOf(context, options.funds));
    case 'app.remove':
      remove(state, operation, context);
      return NOTHING;
    case 'placement.report':
      report(state, operation, context);
      return NOTHING;
  }
}
