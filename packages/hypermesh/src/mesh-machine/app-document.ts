import { hasCode, parseId } from '@hypermesh/stoq';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { hypermeshError } from '../errors.ts';
import { APP_BOUNDS, APP_NAME, type AppPackage, type AppSpec, assertAppSpec, type Bounds, ENV_NAME } from './app.ts';
import { ARG_COUNT_MAX, ARG_LENGTH_MAX, ENV_COUNT_MAX, ENV_VALUE_LENGTH_MAX, REPLICA_COUNT_MAX } from './limits.ts';

/** Which package an app wants: a name and version for the index to resolve, or the root that names it for ever. */
export type PackageReference = { readonly name: string; readonly version: string } | { readonly root: Uint8Array };

/** What an owner writes into `app.yaml`, with defaults filled in; the package is not resolved yet. */
export interface AppDocument extends Omit<AppSpec, 'package'> {
  readonly package: PackageReference;
}

// Two dozen short fields and an environment; more is a mistake or an attack.
export const APP_DOCUMENT_BYTES_MAX: number = 128 * 1024;

const DEFAULT_MEMORY_BYTES = 64 * 1024 * 1024;
const DEFAULT_CPU_MILLIS = 100;
const DEFAULT_PIDS = 32;
// About ten seconds of the interpreter's fastest loop.
const DEFAULT_FUEL = 10_000_000_000;
const DEFAULT_REQUEST_MS = 10_000;
const DEFAULT_HEALTH = { intervalMs: 10_000, timeoutMs: 1_000, failuresMax: 3 };

const UNITS: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

const memory = z.union([z.string(), z.number()]).transform((value, context) => {
  const [, amount, unit] = /^(\d{1,6})(KiB|MiB|GiB|TiB)$/u.exec(String(value)) ?? [];
  if (amount !== undefined && unit !== undefined) return Number(amount) * (UNITS[unit] as number);
  context.addIssue({ code: 'custom', message: 'write a whole number with KiB, MiB, GiB or TiB, e.g. 64MiB' });
  return z.NEVER;
});

const packageReference = z.string().transform((value, context): PackageReference => {
  const [, name, version] = /^([a-z0-9@/._-]+)@(\d[0-9A-Za-z.+-]*)$/u.exec(value) ?? [];
  if (name !== undefined && version !== undefined) return { name, version };
  try {
    return { root: parseId('pkg', value) };
  } catch (error) {
    if (!hasCode(error, 'stoq.id_malformed')) throw error;
    context.addIssue({ code: 'custom', message: 'write name@version, e.g. hello@1.0.0, or the root, e.g. pkg:...' });
    return z.NEVER;
  }
});

const within = ({ min, max }: Bounds): z.ZodNumber => z.int().min(min).max(max);

const env = z
  .record(z.string().regex(ENV_NAME, 'write a name of letters, digits and _'), z.coerce.string().max(ENV_VALUE_LENGTH_MAX))
  .refine((values) => Object.keys(values).length <= ENV_COUNT_MAX, `at most ${ENV_COUNT_MAX} variables`);

const schema = z.strictObject({
  apiVersion: z.literal('hypermesh/v1'),
  kind: z.literal('App'),
  name: z.string().regex(APP_NAME, 'write a DNS label: lower-case letters, digits and -'),
  package: packageReference,
  replicas: z.int().min(0).max(REPLICA_COUNT_MAX).default(1),
  resources: z
    .strictObject({ cpuMillis: within(APP_BOUNDS.cpuMillis).default(DEFAULT_CPU_MILLIS), memory: memory.default(DEFAULT_MEMORY_BYTES) })
    .default({ cpuMillis: DEFAULT_CPU_MILLIS, memory: DEFAULT_MEMORY_BYTES }),
  env: env.default({}),
  args: z.array(z.string().max(ARG_LENGTH_MAX)).max(ARG_COUNT_MAX).default([]),
  health: z
    .strictObject({
      path: z.string().startsWith('/', 'begin with /').max(ARG_LENGTH_MAX),
      intervalMs: within(APP_BOUNDS.intervalMs).default(DEFAULT_HEALTH.intervalMs),
      timeoutMs: within(APP_BOUNDS.timeoutMs).default(DEFAULT_HEALTH.timeoutMs),
      failuresMax: within(APP_BOUNDS.failuresMax).default(DEFAULT_HEALTH.failuresMax),
    })
    .optional(),
  restart: z.enum(['always', 'never']).default('always'),
  exclusive: z.boolean().default(false),
  onPartition: z.enum(['keep', 'stop']).optional(),
  limits: z
    .strictObject({
      pids: within(APP_BOUNDS.pids).default(DEFAULT_PIDS),
      fuelPerRequest: z.int().min(1).default(DEFAULT_FUEL),
      requestMs: within(APP_BOUNDS.requestMs).default(DEFAULT_REQUEST_MS),
    })
    .default({ pids: DEFAULT_PIDS, fuelPerRequest: DEFAULT_FUEL, requestMs: DEFAULT_REQUEST_MS }),
});

/**
 * Reads an `App` document. `file` is named in errors. Throws `hypermesh.app_invalid` with the file, the key or line and what to
 * write instead; warnings of YAML count as errors.
 */
export function parseAppDocument(source: string, file: string): AppDocument {
  if (Buffer.byteLength(source) > APP_DOCUMENT_BYTES_MAX) throw refusal(file, '', `larger than ${APP_DOCUMENT_BYTES_MAX} bytes`);
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) throw refusal(file, `line ${lines.linePos(problem.pos[0]).line}`, problem.message);
  const parsed = schema.safeParse(valueOf(document, file));
  if (!parsed.success) {
    const issue = parsed.error.issues[0] as z.core.$ZodIssue;
    throw refusal(file, keyOf(issue), issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message);
  }
  return documentOf(parsed.data, file);
}

/** The specification that the mesh orders, once the index has said which package it is. */
export function resolveApp(document: AppDocument, resolved: AppPackage): AppSpec {
  return { ...document, package: resolved };
}

function valueOf(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    // Aliases are refused: a few of them can stand for gigabytes.
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw refusal(file, '', (cause as Error).message, cause);
  }
}

/** An unknown key is named itself, not the object that holds it. */
function keyOf(issue: z.core.$ZodIssue): string {
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]] : issue.path;
  return path.map(String).join('.');
}

function documentOf(data: z.infer<typeof schema>, file: string): AppDocument {
  const document: AppDocument = {
    name: data.name,
    package: data.package,
    replicas: data.replicas,
    resources: { cpuMillis: data.resources.cpuMillis, memoryBytes: data.resources.memory },
    limits: { ...data.limits, fuelPerRequest: BigInt(data.limits.fuelPerRequest) },
    env: Object.entries(data.env)
      .map(([name, value]) => ({ name, value }))
      .sort((one, other) => (one.name < other.name ? -1 : 1)),
    args: data.args,
    health: data.health ?? null,
    restart: data.restart,
    exclusive: data.exclusive,
    onPartition: data.onPartition ?? (data.exclusive ? 'stop' : 'keep'),
  };
  try {
    assertAppSpec(resolveApp(document, UNRESOLVED));
  } catch (cause) {
    const { key, reason } = (cause as { data: { key?: unknown; reason?: unknown } }).data;
    throw refusal(file, String(key), String(reason), cause);
  }
  return document;
}

const UNRESOLVED: AppPackage = { name: '', version: '', root: new Uint8Array(32), manifest: new Uint8Array(32), kind: '' };

function refusal(file: string, key: string, reason: string, cause?: unknown): Error {
  return hypermeshError('hypermesh.app_invalid', { file, key, reason }, { cause });
}
