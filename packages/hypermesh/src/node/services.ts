import { serveBlobs } from '@hypermesh/stoq';
import { createWitness, createWitnessHandlers, issuancePolicyContract, witnessContract, type WitnessStore } from '@hypermesh/trustchain';
import { workloadContract } from '../ingress/workload-contract.ts';
import { createWorkloadService } from '../ingress/workload-service.ts';
import type { Committee } from '../proof/committee.ts';
import { proofContract } from '../proof/contract.ts';
import { issuanceHandlers } from './issuance-judge.ts';
import type { LogAccess } from './log-access.ts';
import type { NodeParts } from './node-components.ts';
import { agreedWitnessPolicy } from './witness-policy.ts';
import type { Workloads } from './workloads.ts';

export interface ServiceParts {
  readonly log: LogAccess;
  readonly workloads: Workloads;
  readonly committee: Committee;
  readonly witnessStore: WitnessStore;
}

/** Registers what this node serves besides the log: witness, issuance policy, Proof of State, workloads, blobs. */
export function serveNode({ config, secrets, components }: NodeParts, { log, workloads, committee, witnessStore }: ServiceParts): void {
  const { genesis, host, crypto, clock, metering, blobs } = components;
  const { witness: signer } = secrets;
  const { certificates, packages, revocations } = genesis.logs;
  const { state, validator } = log;
  const witness = createWitness(
    { name: config.name, logs: [certificates, packages, revocations] },
    { store: witnessStore, signer, crypto, clock },
  );
  const policyOf = (version: number): ReturnType<typeof agreedWitnessPolicy> => agreedWitnessPolicy(state(), genesis, version);
  host.serve(witnessContract, createWitnessHandlers({ witness, name: config.name, signer, policyOf }));
  host.serve(
    issuancePolicyContract,
    issuanceHandlers({ state, time: () => validator.time, validators: genesis.validators, witness: signer, clock }),
  );
  host.serve(proofContract, committee.handlers);
  const { agent, dispatcher } = workloads;
  host.serve(
    workloadContract,
    createWorkloadService({ agent, dispatcher, state, countersign: (placement, requests) => metering.countersign(placement, requests) }),
  );
  serveBlobs(host, blobs);
}
