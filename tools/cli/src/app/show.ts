import { formatId } from '@hypermesh/stoq';
import { type AppAnswer, queryMesh } from '@hypermesh/mesh/client';
import type { App, AppSpec, Placement } from '@hypermesh/mesh/machine';
import type { CommandContext } from '../command.ts';
import { namesById } from '../node/members.ts';
import type { Session } from '../session.ts';
import { formatBytes, formatTime } from '../text.ts';
import { allApps } from './apps.ts';
import { placementTable, placementValue } from './placement-view.ts';

export async function listApps(context: CommandContext): Promise<void> {
  const session = await context.session();
  const { mesh, signal } = session;
  const apps = await allApps(session);
  const answers = await Promise.all(apps.map(({ spec }) => queryMesh(mesh, 'app', spec.name, { signal })));
  const names = await namesById(session);
  context.out.result(answers.map(summaryOf), () =>
    context.out.table(
      ['APP', 'PACKAGE', 'READY', 'STATE', 'OWNER', 'WAITS FOR'],
      answers.map(({ app, placements }) => [
        app.spec.name,
        `${app.spec.package.name}@${app.spec.package.version}`,
        `${readyOf(app, placements).length}/${app.spec.replicas}`,
        app.state,
        names.get(formatId('node', app.owner)) ?? '',
        app.explanation,
      ]),
    ),
  );
}

export async function showApp(context: CommandContext, name: string): Promise<void> {
  const session = await context.session();
  const answer = await queryMesh(session.mesh, 'app', name, { signal: session.signal });
  const text = await appText(context, session, answer);
  context.out.result(appValue(answer), () => text);
}

export async function appText(context: CommandContext, session: Session, { app, placements }: AppAnswer): Promise<string> {
  const { spec } = app;
  const names = await namesById(session);
  const { package: from, resources } = spec;
  const fields = context.out.fields([
    ['app', spec.name],
    ['package', `${from.name}@${from.version} (${from.kind})  ${formatId('pkg', from.root)}`],
    ['owner', names.get(formatId('node', app.owner)) ?? formatId('node', app.owner)],
    ['state', `${app.state}, generation ${app.generation}, updated ${formatTime(app.updatedAt)}`],
    ['replicas', `${readyOf(app, placements).length} ready of ${spec.replicas}`],
    ['each', `${resources.cpuMillis} thousandths of a core, ${formatBytes(resources.memoryBytes)}`],
    ['waits for', app.explanation === '' ? 'nothing' : app.explanation],
  ]);
  return [fields, '', placementTable(context.out, placements, names)].join('\n');
}

/** Replicas of what the app runs now that answer requests. */
export function readyOf({ generation }: Pick<App, 'generation'>, placements: readonly Placement[]): readonly Placement[] {
  return placements.filter((placement) => placement.generation === generation && placement.phase === 'ready');
}

export function appValue({ app, placements }: AppAnswer): object {
  return { ...summaryOf({ app, placements }), spec: specValue(app.spec), placements: placements.map(placementValue) };
}

function summaryOf({ app, placements }: AppAnswer): object {
  const { spec, owner, generation, state, explanation, createdAt, updatedAt } = app;
  return {
    name: spec.name,
    owner: formatId('node', owner),
    package: `${spec.package.name}@${spec.package.version}`,
    generation,
    state,
    replicas: spec.replicas,
    ready: readyOf(app, placements).length,
    explanation,
    createdAt,
    updatedAt,
  };
}

function specValue({ package: from, ...spec }: AppSpec): object {
  return { ...spec, package: { ...from, root: formatId('pkg', from.root) } };
}
