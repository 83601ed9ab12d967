import { resolve } from 'node:path';
import { decode, formatId, hasCode } from '@hypermesh/stoq';
import { APP_DOCUMENT_BYTES_MAX, type AppDocument, resolveApp } from '@hypermesh/mesh';
import { deployResultCodec, hypermeshError, queryMesh } from '@hypermesh/mesh/client';
import type { AppPackage, AppSpec } from '@hypermesh/mesh/machine';
import type { CommandContext } from '../command.ts';
import { parsePositiveCaes } from '../amount.ts';
import { readBoundedText } from '../bounded-file.ts';
import { usageError } from '../errors.ts';
import { payingOnce, paymentOf } from '../ledger/payment.ts';
import { resolveInIndex, resolveRoot } from '../package/index-query.ts';
import type { Session } from '../session.ts';
import { documentOfFile, documentOfPackage, namesFile, parseReference, type SpecOptions } from './document.ts';
import { objectionsOf } from './explain.ts';
import { ensureFunds, type Funding } from './funding.ts';
import { orderSponsored } from './sponsored.ts';
import { waitUntilReady } from './wait.ts';
import { appText, appValue } from './show.ts';

export interface DeployOptions extends SpecOptions {
  readonly fund?: string;
  readonly paymentId?: string;
  readonly wait: boolean;
}

/** Resolves the package, funds the escrow, orders the deployment, and waits until the replicas are ready. */
export async function deploy(context: CommandContext, what: string, options: DeployOptions): Promise<void> {
  const fund = options.fund === undefined ? null : parsePositiveCaes(options.fund);
  if (fund === null && options.paymentId !== undefined) throw usageError('--payment-id is for --fund');
  const reference = namesFile(what) ? null : parseReference(what);
  const written = reference === null ? await readDocument(context, what, options) : null;
  const session = await context.session();
  const document = written ?? (await documentOf(session, parseReference(what), options));
  const spec = resolveApp(document, await packageOf(session, document));
  const payment = paymentOf(options.paymentId, session.entropy);
  const run = (): Promise<void> =>
    fundAndOrder(context, session, { spec, wait: options.wait, funding: { app: spec.name, amount: fund, payment } });
  // Without an amount a second run adds nothing to what the first has put there.
  await (fund === null ? run() : payingOnce(payment, run));
}

interface Deployment {
  readonly spec: AppSpec;
  readonly wait: boolean;
  readonly funding: Funding;
}

async function fundAndOrder(context: CommandContext, session: Session, { spec, wait, funding }: Deployment): Promise<void> {
  const funded = await ensureFunds(session, funding, context.out);
  const { generation } = await order(context, session, spec);
  context.out.progress(`Deployed ${spec.name}, generation ${generation}`);
  const answer = wait
    ? await waitUntilReady(context, session, spec.name)
    : await queryMesh(session.mesh, 'app', spec.name, { signal: session.signal });
  const text = await appText(context, session, answer);
  context.out.result({ ...appValue(answer), funded }, () => text);
}

async function readDocument({ cwd, signal }: CommandContext, file: string, options: SpecOptions): Promise<AppDocument> {
  return documentOfFile(await readBoundedText(resolve(cwd, file), { bytesMax: APP_DOCUMENT_BYTES_MAX, signal }), file, options);
}

async function documentOf(session: Session, wanted: ReturnType<typeof parseReference>, options: SpecOptions): Promise<AppDocument> {
  const { name, version } = await resolveInIndex(session, wanted);
  return documentOfPackage({ name, version }, options);
}

async function packageOf(session: Session, { package: wanted }: AppDocument): Promise<AppPackage> {
  const { name, version, root, manifest, kind } =
    'root' in wanted ? await resolveRoot(session, wanted.root) : await resolveInIndex(session, wanted);
  return { name, version, root, manifest, kind };
}

async function order({ out }: CommandContext, session: Session, spec: AppSpec): Promise<{ readonly generation: number }> {
  out.progress(`Deploying ${spec.package.name}@${spec.package.version} (${formatId('pkg', spec.package.root)}) as ${spec.name}`);
  try {
    const { results } = await orderSponsored(session, { kind: 'app.deploy', spec, proof: null }, out);
    return decode(deployResultCodec, results[0] as Uint8Array);
  } catch (error) {
    if (!hasCode(error, 'hypermesh.unschedulable')) throw error;
    const nodes = objectionsOf(spec, await queryMesh(session.mesh, 'nodes', 0, { signal: session.signal }));
    const reason = nodes.map(({ name, objection }) => `${name} ${objection || 'has room now'}`).join('; ');
    throw hypermeshError('hypermesh.unschedulable', { app: spec.name, reason }, { cause: error });
  }
}
