import { CodedError, formatId } from '@hypermesh/stoq';
import { meshContract, type MeshStatus, queryMesh, validatorTargets } from '@hypermesh/mesh/client';
import type { CommandContext } from '../command.ts';
import { type Checkpoints, readCheckpoints } from '../certificate/log.ts';
import { allApps } from '../app/apps.ts';
import type { Output } from '../output.ts';
import type { Session } from '../session.ts';
import { formatTime, hexOf } from '../text.ts';
import { phaseName } from './phase.ts';

/** A validator as it describes itself, or why it does not. */
export interface ValidatorReport {
  readonly name: string;
  readonly id: string;
  readonly addresses: readonly string[];
  readonly status: MeshStatus | null;
  /** Code of the error that came instead; empty otherwise. */
  readonly problem: string;
}

// One that does not answer within this is down for whoever watches.
const VALIDATOR_MS_MAX = 3_000;

export async function showStatus(context: CommandContext): Promise<void> {
  const session = await context.session();
  const { mesh, signal, member } = session;
  const validators = await askValidators(session);
  const best = newest(validators) ?? (await mesh.status({ signal }));
  const [{ phase }, nodes, apps, logs] = await Promise.all([
    queryMesh(mesh, 'phase', 0, { signal }),
    queryMesh(mesh, 'nodes', 0, { signal }),
    allApps(session),
    logsOf(session),
  ]);
  const value = {
    mesh: { name: member.genesis.meshName, id: formatId('mesh', member.meshId) },
    phase,
    height: best.executedHeight,
    certifiedHeight: best.certifiedHeight,
    stateRoot: hexOf(best.root),
    time: best.time,
    transactions: best.transactions,
    stalled: best.stalled,
    silent: best.silent,
    validators: validators.map(validatorValue),
    nodes: { total: nodes.length, schedulable: nodes.filter(({ schedulable }) => schedulable).length },
    apps: { total: apps.length, waiting: apps.filter(({ explanation }) => explanation !== '').length },
    logs,
  };
  context.out.result(value, () => statusText(context.out, value, validators));
}

export async function listValidators(context: CommandContext): Promise<void> {
  const validators = await askValidators(await context.session());
  context.out.result(validators.map(validatorValue), () => validatorTable(context.out, validators));
}

async function askValidators({ member, signal }: Session): Promise<readonly ValidatorReport[]> {
  const targets = validatorTargets(member.genesis, 'bundle');
  return Promise.all(
    member.genesis.validators.map(async ({ name, nodeId, addresses }, index): Promise<ValidatorReport> => {
      const client = member.host.connect(meshContract, targets[index] as (typeof targets)[number]);
      const known = { name, id: formatId('node', nodeId), addresses };
      try {
        const limit = AbortSignal.any([signal, AbortSignal.timeout(VALIDATOR_MS_MAX)]);
        return { ...known, status: await client.status({}, { signal: limit }), problem: '' };
      } catch (error) {
        signal.throwIfAborted();
        return { ...known, status: null, problem: error instanceof CodedError ? error.code : String(error) };
      }
    }),
  );
}

/** The validator that has executed most. */
function newest(validators: readonly ValidatorReport[]): MeshStatus | undefined {
  return validators
    .flatMap(({ status }) => (status === null ? [] : [status]))
    .sort((one, other) => other.executedHeight - one.executedHeight)[0];
}

type Logs = Checkpoints | { readonly problem: string };

async function logsOf(session: Session): Promise<Logs> {
  try {
    return await readCheckpoints(session);
  } catch (error) {
    session.signal.throwIfAborted();
    return { problem: error instanceof CodedError ? error.code : String(error) };
  }
}

function validatorValue({ status, ...known }: ValidatorReport): object {
  if (status === null) return known;
  const { executedHeight, committedHeight, certifiedHeight, root, round, leader, silent, stalled, halted, quiet } = status;
  return {
    ...known,
    height: executedHeight,
    committedHeight,
    certifiedHeight,
    stateRoot: hexOf(root),
    round,
    leader,
    silent,
    stalled,
    halted,
    quiet,
  };
}

interface StatusValue {
  readonly mesh: { readonly name: string; readonly id: string };
  readonly phase: number;
  readonly height: number;
  readonly stateRoot: string;
  readonly time: number;
  readonly transactions: number;
  readonly stalled: string;
  readonly silent: readonly string[];
  readonly nodes: { readonly total: number; readonly schedulable: number };
  readonly apps: { readonly total: number; readonly waiting: number };
  readonly logs: Logs;
}

function statusText(out: Output, value: StatusValue, validators: readonly ValidatorReport[]): string {
  const { mesh, phase, height, stateRoot, nodes, apps, logs, stalled, silent } = value;
  const logLine = (size: number, cosignatures: number): string => `${size} entries, ${cosignatures} cosignatures`;
  const logFields: readonly (readonly [string, string])[] =
    'problem' in logs
      ? [['logs', `not available: ${logs.problem}`]]
      : Object.entries(logs).map(([name, { size, cosignatures }]) => [`log ${name}`, logLine(size, cosignatures)]);
  return [
    out.fields([
      ['mesh', `${mesh.name}  ${mesh.id}`],
      ['phase', `${phase} (${phaseName(phase)})`],
      ['height', `${height} at ${formatTime(value.time)}, ${value.transactions} transactions wait`],
      ['root', stateRoot],
      ['order', stalled === '' ? 'going on' : `stopped: ${stalled}`],
      ['silent', silent.length === 0 ? 'nobody' : silent.join(', ')],
      ['nodes', `${nodes.schedulable} of ${nodes.total} take work`],
      ['apps', `${apps.total}, ${apps.waiting} waiting for nodes`],
      ...logFields,
    ]),
    '',
    validatorTable(out, validators),
  ].join('\n');
}

function validatorTable(out: Output, validators: readonly ValidatorReport[]): string {
  return out.table(
    ['VALIDATOR', 'HEIGHT', 'CERTIFIED', 'ROUND', 'LEADER', 'ROOT', 'STATE'],
    validators.map(({ name, status, problem }) =>
      status === null
        ? [name, '', '', '', '', '', problem]
        : [
            name,
            String(status.executedHeight),
            String(status.certifiedHeight),
            String(status.round),
            status.leader,
            hexOf(status.root).slice(0, 16),
            status.halted || status.stalled || (status.quiet ? 'quiet' : 'busy'),
          ],
    ),
  );
}
