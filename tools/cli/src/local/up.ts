import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import {
  ingressesOf,
  openTemporaryDirectory,
  readExample,
  type RunningMesh,
  runUp,
  startMesh,
  type UpOptions,
  type UpReport,
} from '@hypermesh/devnet';
import { formatCaes } from '../amount.ts';
import type { CommandContext } from '../command.ts';
import { type ControlSocket, controlSocketOf, fitsSocket, openControlSocket } from './control-socket.ts';
import { rememberMesh } from './last-mesh.ts';

export interface UpCommandOptions {
  readonly once?: boolean;
  readonly directory?: string;
  readonly keep?: boolean;
  readonly example?: string;
}

/** Starts a mesh, does the main job on it, tells what happened, and stays unless it is to run once. */
export async function up(context: CommandContext, options: UpCommandOptions): Promise<void> {
  const directory = directoryOf(context, options);
  // Before a mesh is started for it.
  if (options.example !== undefined) await readExample(resolve(context.cwd, options.example));
  if (directory !== null) return runIn(directory, context, options);
  await using temporary = await openTemporaryDirectory('hypermesh-');
  try {
    await runIn(temporary.path, context, options);
  } catch (error) {
    if (!context.signal.aborted) {
      temporary.keep();
      context.out.notice(`State, keys and logs of the mesh that failed are in ${temporary.path}`);
    }
    throw error;
  }
}

async function runIn(directory: string, context: CommandContext, options: UpCommandOptions): Promise<void> {
  const startedAt = performance.now();
  const { out, signal } = context;
  const settings: UpOptions = {
    directory,
    ...(options.example === undefined ? {} : { example: resolve(context.cwd, options.example) }),
    signal,
    onProgress: (text) => out.progress(text),
    onLost: (name) => out.progress(`${name} has ended although nobody asked it to`),
  };
  await using ending = new AsyncDisposableStack();
  // Closed last: whoever waits at the door is told when the daemons have ended.
  const doors = ending.use(new AsyncDisposableStack());
  const running = ending.use(await startMesh(settings));
  const control = doors.use(await openDoor(context, running));
  const report = await runUp(running, settings, startedAt);
  out.result(report, () => reportText(context, running, report));
  if (options.once === true) return;
  out.progress('The mesh stays up; Ctrl-C ends it.');
  await aborted(AbortSignal.any([signal, control.signal]));
  out.progress('Ending the mesh');
}

/** Null for a folder that goes with the mesh. */
function directoryOf({ cwd, contexts }: CommandContext, { directory, keep = false }: UpCommandOptions): string | null {
  if (directory !== undefined) return resolve(cwd, directory);
  return keep ? join(contexts.directory, 'local') : null;
}

async function openDoor(context: CommandContext, { mesh }: RunningMesh): Promise<ControlSocket> {
  const path = controlSocketOf(mesh.directory);
  if (fitsSocket(path)) {
    const control = await openControlSocket(path);
    await rememberMesh(context, mesh.directory);
    return control;
  }
  context.out.progress('The path of the mesh is too long for a socket: "hypermesh down" cannot end it, Ctrl-C does');
  return { signal: new AbortController().signal, [Symbol.asyncDispose]: async () => undefined };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  // A timer holds the process: what it waits for may have no handle of its own.
  const hold = setInterval(() => undefined, HOLD_MS);
  return new Promise((settle) => {
    signal.addEventListener(
      'abort',
      () => {
        clearInterval(hold);
        settle();
      },
      { once: true },
    );
  });
}

const HOLD_MS = 60_000;

function reportText({ out }: CommandContext, { mesh }: RunningMesh, report: UpReport): string {
  const { app, certificates, drivers, killed, period, validators } = report;
  const [ingress] = ingressesOf(mesh);
  const root = validators[0]?.stateRoot ?? '';
  const used = drivers.map(({ name, available, reason }) => (available ? name : `no ${name}: ${reason}`));
  return [
    out.fields([
      ['drivers', used.join('; ')],
      ['validators', `${validators.length} at height ${validators[0]?.height ?? 0}, root ${root}`],
      ['certificates', `${certificates.verified} of ${certificates.issued} verified with their log proof`],
      ['package', `${report.package.name}@${report.package.version}  ${report.package.root}`],
      ['app', `${app.name}: ${app.requests} requests, ${app.failed} failed`],
      ['replicas', app.replicas.map(({ id, node, requests }) => `${id} on ${node} (${requests})`).join(', ')],
      ['killed', `${killed.node}: ${killed.gapMs} ms without an answer, ${killed.failed} requests failed meanwhile`],
      [
        'settled',
        `period ${period.number} paid ${period.paid.length} accounts; total ${caes(period.totalBefore)} before, ${caes(period.totalAfter)} after`,
      ],
      ['ingress', ingress ?? 'none'],
      ['mesh', mesh.directory],
    ]),
    '',
    `Try:  curl -H 'Host: ${app.name}.mesh' ${ingress ?? ''}/`,
    `      hypermesh login --home ${quoted(mesh.userHome)}`,
  ].join('\n');
}

function caes(units: string): string {
  return `${formatCaes(BigInt(units))} CAES`;
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/u.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
