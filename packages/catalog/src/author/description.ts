import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { fileReason } from '@hypermesh/stoq';
import { z } from 'zod';
import { catalogError } from '../errors.ts';
import { packageKindSchema } from '../manifest/manifest.ts';
import { pathProblem } from '../manifest/path.ts';
import type { PackageDescription } from '../pack/pack.ts';

/** What an author writes into `package.yaml`. */
export interface AuthorDescription extends PackageDescription {
  /** How the entry is made; without it the directory is packed as it is. */
  readonly build: AssemblyScriptBuild | null;
}

export interface AssemblyScriptBuild {
  /** Path of the main source file in the directory. */
  readonly assemblyscript: string;
}

export const DESCRIPTION_FILE: string = 'package.yaml';

// A dozen short fields; more is a mistake or an attack.
const DESCRIPTION_BYTES_MAX = 64 * 1024;

const path = z.string().superRefine((value, context) => {
  const problem = pathProblem(value);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

const schema = z.strictObject({
  apiVersion: z.literal('catalog/v1'),
  kind: packageKindSchema,
  name: z.string(),
  version: z.string(),
  description: z.string().default(''),
  license: z.string(),
  entry: path,
  build: z.strictObject({ assemblyscript: path }).optional(),
});

/** Reads `package.yaml` of a directory. Throws `catalog.description_invalid` with the file, the field and what is wrong. */
export async function readDescription(directory: string): Promise<AuthorDescription> {
  const file = join(directory, DESCRIPTION_FILE);
  const document = parseDocument(await readBounded(file), { uniqueKeys: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw catalogError('catalog.description_invalid', { file, reason: problem.message.split('\n')[0] });
  const result = schema.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (!result.success) {
    const [issue] = result.error.issues;
    throw catalogError('catalog.description_invalid', { file, field: issue?.path.join('.') || 'file', reason: issue?.message });
  }
  const { apiVersion: _, build, ...description } = result.data;
  return { ...description, build: build ?? null };
}

async function readBounded(file: string): Promise<string> {
  const handle = await open(file).catch((cause: unknown) => {
    throw catalogError('catalog.description_invalid', { file, reason: fileReason(cause) }, { cause });
  });
  try {
    const { size } = await handle.stat();
    if (size > DESCRIPTION_BYTES_MAX) throw catalogError('catalog.description_invalid', { file, bytesMax: DESCRIPTION_BYTES_MAX });
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
