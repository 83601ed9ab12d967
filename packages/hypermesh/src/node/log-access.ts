import { join } from 'node:path';
import type { MeshSource, SubmitOperations } from '../agent/mesh-source.ts';
import { createMeshClient, type MeshClient } from '../client/mesh-client.ts';
import { validatorTargets } from '../client/validator-targets.ts';
import type { StateReader } from '../machine/machine.ts';
import { MESH_MACHINE, meshAccounts } from '../mesh-machine/accounts.ts';
import { encodeOperation } from '../mesh-machine/operation.ts';
import { createValidator, type Validator } from '../validator/validator.ts';
import type { NodeParts } from './node-components.ts';

/** The log as the rest of the node reads it and writes to it. */
export interface LogAccess {
  readonly validator: Validator;
  readonly client: MeshClient;
  /** Agreed state of the mesh machine. */
  readonly state: () => StateReader;
  readonly source: MeshSource;
  /** Orders operations of the mesh machine as this node's transactions. */
  readonly submit: SubmitOperations;
}

export function createLogAccess({ config, secrets, components, self }: NodeParts): LogAccess {
  const { genesis, host, clock, crypto } = components;
  const validator = createValidator(
    { ...components, accounts: meshAccounts, voteSigner: secrets.voteSigner },
    { directory: join(config.directory, 'log'), genesis, nodeId: self.nodeId },
  );
  const state = (): StateReader => validator.state(MESH_MACHINE);
  const targets = validatorTargets(genesis, 'set-entry');
  const own = genesis.validators.indexOf(self);
  // Itself before the others.
  const client = createMeshClient({ host, crypto, clock }, { genesis, targets: [...targets.slice(own), ...targets.slice(0, own)] });
  return {
    validator,
    client,
    state,
    source: { state, onChange: (listener) => validator.onBlock(() => listener()) },
    async submit(operations, signal) {
      const receipt = await client.transact(secrets.account, MESH_MACHINE, operations.map(encodeOperation), { signal });
      return receipt.results;
    },
  };
}
