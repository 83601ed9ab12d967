import { open } from 'node:fs/promises';
import { parse, parseDocument } from 'yaml';
import type { z } from 'zod';
import { stoqError } from '../errors.ts';

// Hundreds of entries fit; a file above this is not a configuration.
export const CONFIG_FILE_BYTES_MAX: number = 256 * 1024;
const ENVIRONMENT_VALUE_BYTES_MAX = 4 * 1024;
const NESTING_MARK = '__';

export interface ConfigSources<T> {
  readonly schema: z.ZodType<T>;
  /** YAML 1.2; without it only the other sources and the schema's defaults count. */
  readonly file?: string | undefined;
  /** `STOQD_BLOBS__QUOTA_BYTES=5` under the prefix `STOQD_` sets `blobs.quotaBytes`; values are read as YAML. */
  readonly environment?: { readonly prefix: string; readonly variables: Readonly<Record<string, string | undefined>> };
  /** Dotted key to text, read as YAML: `{ 'log.level': 'debug' }`. Win over the environment, which wins over the file. */
  readonly flags?: Readonly<Record<string, string>>;
}

/**
 * Reads, joins and checks a configuration, and freezes it. Throws `stoq.config_invalid` naming the source, the key, the
 * reason and the remedy; no value of the configuration is in the error.
 */
export async function loadConfig<T>(sources: ConfigSources<T>): Promise<T> {
  const tree: Tree = sources.file === undefined ? {} : await readConfigFile(sources.file);
  const origins = new Map<string, string>();
  const { prefix = '', variables = {} } = sources.environment ?? {};
  for (const [name, text] of Object.entries(variables)) {
    if (!name.startsWith(prefix) || text === undefined) continue;
    const path = name.slice(prefix.length).split(NESTING_MARK).map(camelCase);
    setValue({ tree, origins, path, text, origin: `environment variable ${name}` });
  }
  for (const [key, text] of Object.entries(sources.flags ?? {})) {
    setValue({ tree, origins, path: key.split('.'), text, origin: `flag ${key}` });
  }
  const result = sources.schema.safeParse(tree);
  if (result.success) return deepFreeze(result.data);
  throw refusal(result.error.issues, origins, sources.file ?? 'no file');
}

type Tree = Record<string, unknown>;

async function readConfigFile(path: string): Promise<Tree> {
  const invalid = (reason: string, remedy: string, cause?: unknown): Error =>
    stoqError('stoq.config_invalid', { source: path, reason, remedy }, { cause });
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw invalid(String((cause as NodeJS.ErrnoException).code), 'name a file that can be read', cause);
  });
  let text: string;
  try {
    const { size } = await file.stat();
    if (size > CONFIG_FILE_BYTES_MAX) throw invalid('too large', `at most ${CONFIG_FILE_BYTES_MAX} bytes`);
    text = await file.readFile('utf8');
  } finally {
    await file.close();
  }
  const document = parseDocument(text, { prettyErrors: true, logLevel: 'error' });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const { line = 0, col = 0 } = problem.linePos?.[0] ?? {};
    throw stoqError('stoq.config_invalid', { source: path, line, column: col, reason: problem.code, remedy: 'mend the YAML' });
  }
  // Aliases can make a small file a large value, and no configuration here needs them.
  const content: unknown = rejectAliases(() => document.toJS({ maxAliasCount: 0 }), invalid);
  if (content === null || content === undefined) return {};
  if (typeof content !== 'object' || Array.isArray(content)) throw invalid('not a mapping', 'write `key: value` lines');
  return content as Tree;
}

function rejectAliases<T>(read: () => T, invalid: (reason: string, remedy: string, cause: unknown) => Error): T {
  try {
    return read();
  } catch (cause) {
    throw invalid('aliases are not allowed', 'write the value out', cause);
  }
}

interface Assignment {
  readonly tree: Tree;
  readonly origins: Map<string, string>;
  readonly path: readonly string[];
  readonly text: string;
  readonly origin: string;
}

function setValue({ tree, origins, path, text, origin }: Assignment): void {
  const invalid = (reason: string, remedy: string): Error => stoqError('stoq.config_invalid', { source: origin, reason, remedy });
  if (Buffer.byteLength(text) > ENVIRONMENT_VALUE_BYTES_MAX) throw invalid('too long', 'put it into the file');
  if (path.some((step) => !/^[a-z][a-zA-Z0-9]*$/.test(step))) throw invalid('not a key', 'separate the steps of the key as documented');
  const key = path.join('.');
  let node = tree;
  for (const step of path.slice(0, -1)) {
    const next = Object.hasOwn(node, step) ? node[step] : {};
    if (typeof next !== 'object' || next === null || Array.isArray(next)) throw invalid(`${step} is not a mapping`, 'set the whole value');
    node[step] = next;
    node = next as Tree;
  }
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0, logLevel: 'error' });
  } catch {
    throw invalid('not a YAML value', 'quote the text');
  }
  node[path.at(-1) as string] = value;
  origins.set(key, origin);
}

function camelCase(name: string): string {
  return name.toLowerCase().replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function refusal(issues: readonly z.core.$ZodIssue[], origins: ReadonlyMap<string, string>, file: string): Error {
  const issue = issues[0] as z.core.$ZodIssue;
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = [...issue.path.map(String), ...(unknown === undefined ? [] : [unknown])];
  const key = path.join('.');
  const source = path.map((_, index) => origins.get(path.slice(0, index + 1).join('.'))).find((origin) => origin !== undefined) ?? file;
  const remedy = unknown === undefined ? 'give the key a value of that kind' : 'correct its spelling or remove it';
  return stoqError('stoq.config_invalid', { source, key, reason: issue.message, remedy, problems: issues.length });
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
