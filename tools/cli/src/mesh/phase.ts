import { queryMesh } from '@hypermesh/mesh/client';
import type { CommandContext } from '../command.ts';
import { usageError } from '../errors.ts';
import { formatTime } from '../text.ts';

const PHASES = ['bootstrap', 'connected', 'federated policy', 'full'];

export async function showPhase(context: CommandContext): Promise<void> {
  const { mesh, signal } = await context.session();
  const { phase, since } = await queryMesh(mesh, 'phase', 0, { signal });
  context.out.result({ phase, name: PHASES[phase], since }, () => `Phase ${phase} (${PHASES[phase]})${sinceOf(since)}`);
}

export async function advancePhase(context: CommandContext, wanted: number | null): Promise<void> {
  const session = await context.session();
  const { mesh, signal } = session;
  const { phase } = await queryMesh(mesh, 'phase', 0, { signal });
  const to = wanted ?? phase + 1;
  if (to !== phase + 1 || to >= PHASES.length) throw usageError('Phases advance one by one and never back', { phase, to });
  const { height } = await session.order({ kind: 'phase.advance', to });
  context.out.result({ phase: to, name: PHASES[to], height }, () => `The mesh is in phase ${to} (${PHASES[to]}) since height ${height}.`);
}

export function phaseName(phase: number): string {
  return PHASES[phase] ?? '';
}

function sinceOf(since: number): string {
  return since === 0 ? ' since genesis' : ` since ${formatTime(since)}`;
}
