import { caesarError } from '@hypermesh/caesar';
import { hypermeshError } from '@hypermesh/mesh/client';
import { CodedError, type ErrorSpec } from '@hypermesh/stoq';
import { AdvisedError } from '../errors.ts';
import type { Session } from '../session.ts';
import { didYouMean, nearest } from '../spelling.ts';
import { allApps } from './apps.ts';

// What is known already must not wait long for advice.
const ADVICE_MS_MAX = 3_000;

const UNKNOWN: Readonly<Record<string, ErrorSpec>> = {
  'hypermesh.app_unknown': hypermeshError.catalogue['hypermesh.app_unknown'],
  'caesar.escrow_unknown': caesarError.catalogue['caesar.escrow_unknown'],
};

/**
 * An error that says that there is no such app, or nothing set aside for it, gets its name, which a receipt does not carry, and advice
 * where an app of the mesh has nearly that name. Others stay as they are.
 */
export async function namingApp(error: unknown, app: string, session: () => Promise<Pick<Session, 'mesh' | 'signal'>>): Promise<unknown> {
  if (!(error instanceof CodedError)) return error;
  const spec = UNKNOWN[error.code];
  if (spec === undefined) return error;
  return new AdvisedError(error.code, spec, { ...error.data, app }, { cause: error, advice: await adviceOn(app, session) });
}

async function adviceOn(app: string, session: () => Promise<Pick<Session, 'mesh' | 'signal'>>): Promise<string> {
  // A mesh that does not answer now must not hide what it has answered.
  const apps = await session()
    .then(({ mesh, signal }) => allApps({ mesh, signal: AbortSignal.any([signal, AbortSignal.timeout(ADVICE_MS_MAX)]) }))
    .catch(() => []);
  const names = apps.map(({ spec }) => spec.name);
  return names.includes(app) ? '' : didYouMean(nearest(app, names, (name) => name));
}
