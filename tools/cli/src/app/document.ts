import { extname } from 'node:path';
import { type AppDocument, parseAppDocument } from '@hypermesh/mesh';
import { parse, stringify } from 'yaml';
import type { NamedValue } from '../arguments.ts';
import { usageError } from '../errors.ts';

/** What the command line may say about an app; the rest are defaults of the document. */
export interface SpecOptions {
  readonly name?: string;
  readonly replicas?: number;
  readonly memory?: string;
  readonly cpu?: number;
  readonly env?: readonly NamedValue[];
  readonly arg?: readonly string[];
  readonly exclusive?: boolean;
}

/** Whether the argument of `deploy` is a file rather than a package. */
export function namesFile(what: string): boolean {
  return ['.yaml', '.yml'].includes(extname(what));
}

/** Name and version of `NAME` or `NAME@VERSION`; an empty version stands for the newest. */
export function parseReference(text: string): { readonly name: string; readonly version: string } {
  const [name = '', version = '', ...rest] = text.split('@');
  if (name === '' || rest.length > 0 || (text.includes('@') && version === '')) {
    throw usageError('Write NAME or NAME@VERSION, e.g. hello@1.0.0', { package: text });
  }
  return { name, version };
}

/** The document of a package by its exact version. Throws `hypermesh.app_invalid`. */
export function documentOfPackage(reference: { readonly name: string; readonly version: string }, options: SpecOptions): AppDocument {
  const { name, version } = reference;
  const document = { apiVersion: 'hypermesh/v1', kind: 'App', name, package: `${name}@${version}` };
  return parseAppDocument(stringify(merged(document, options)), 'command line');
}

/** The document of a file, with what the command line says instead. Throws `hypermesh.app_invalid`. */
export function documentOfFile(source: string, file: string, options: SpecOptions): AppDocument {
  const asWritten = parseAppDocument(source, file);
  const changes = merged({}, options);
  if (Object.keys(changes).length === 0) return asWritten;
  return parseAppDocument(stringify(merged(parse(source) as RawDocument, options)), `${file} with the options of the command line`);
}

interface RawDocument {
  readonly [key: string]: unknown;
}

/** All rules are the parser's: the options only take their place in the document. */
function merged(document: RawDocument, { name, replicas, memory, cpu, env, arg, exclusive }: SpecOptions): RawDocument {
  const resources = { ...(cpu === undefined ? {} : { cpuMillis: cpu }), ...(memory === undefined ? {} : { memory }) };
  const variables = Object.fromEntries((env ?? []).map((variable) => [variable.name, variable.value]));
  return {
    ...document,
    ...(name === undefined ? {} : { name }),
    ...(replicas === undefined ? {} : { replicas }),
    ...(Object.keys(resources).length === 0 ? {} : { resources: { ...partOf(document, 'resources'), ...resources } }),
    ...(env === undefined ? {} : { env: { ...partOf(document, 'env'), ...variables } }),
    ...(arg === undefined ? {} : { args: arg }),
    ...(exclusive === undefined ? {} : { exclusive }),
  };
}

function partOf(document: RawDocument, key: string): object {
  const part = document[key];
  return typeof part === 'object' && part !== null ? part : {};
}
