import canonicalize from 'canonicalize';
import { z } from 'zod';
import { catalogError } from '../errors.ts';
import { isExactVersion, isPackageName } from './name.ts';
import { pathProblem } from './path.ts';

export type PackageKind = 'wasm' | 'container' | 'library' | 'dataset' | 'model' | 'template' | 'service';

/** One file of a package; digests in lower-case hex. */
export interface PackageFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** Content address under which any node serves it: root of the blob's BLAKE3 tree. */
  readonly blob: string;
}

/** `catalog/v1`: what a package is and which files it holds. */
export interface Manifest {
  readonly apiVersion: 'catalog/v1';
  readonly kind: PackageKind;
  readonly name: string;
  /** Exact semantic version (semver 2.0.0). */
  readonly version: string;
  readonly description: string;
  /** SPDX expression. */
  readonly license: string;
  /** Path of the module, root file system or main file. */
  readonly entry: string;
  /** In path order, each path once. */
  readonly files: readonly PackageFile[];
}

// A package is an app's code, not its data; larger things are blobs of their own.
export const FILES_MAX: number = 1_000;
export const FILE_BYTES_MAX: number = 256 * 1024 * 1024;
export const PACKAGE_BYTES_MAX: number = 512 * 1024 * 1024;
export const MANIFEST_BYTES_MAX: number = 512 * 1024;

const hexDigest = z.string().regex(/^[0-9a-f]{64}$/u, 'must be 64 lower-case hex digits');
const path = z.string().superRefine((value, context) => {
  const problem = pathProblem(value);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

export const packageKindSchema: z.ZodType<PackageKind> = z.enum([
  'wasm',
  'container',
  'library',
  'dataset',
  'model',
  'template',
  'service',
]);

export const manifestSchema: z.ZodType<Manifest> = z
  .strictObject({
    apiVersion: z.literal('catalog/v1'),
    kind: packageKindSchema,
    name: z.string().refine(isPackageName, 'must be a DNS label: lower-case letters, digits and inner hyphens, at most 63'),
    version: z.string().refine(isExactVersion, 'must be an exact semantic version such as 1.2.3'),
    description: z.string().max(1_000),
    license: z.string().min(1).max(100),
    entry: path,
    files: z
      .array(z.strictObject({ path, size: z.int().min(0).max(FILE_BYTES_MAX), sha256: hexDigest, blob: hexDigest }))
      .min(1)
      .max(FILES_MAX),
  })
  .superRefine((manifest, context) => {
    const paths = manifest.files.map((file) => file.path);
    const problem = (message: string): void => context.addIssue({ code: 'custom', path: ['files'], message });
    if (paths.some((value, index) => index > 0 && value <= (paths[index - 1] as string))) problem('must be in path order, each path once');
    if (paths.some((value) => paths.some((other) => other.startsWith(`${value}/`)))) problem('a path is both a file and a folder');
    if (!paths.includes(manifest.entry)) context.addIssue({ code: 'custom', path: ['entry'], message: 'must name one of the files' });
    const total = manifest.files.reduce((sum, file) => sum + file.size, 0);
    if (total > PACKAGE_BYTES_MAX) problem(`must not exceed ${PACKAGE_BYTES_MAX} bytes together`);
  });

/** Canonical JSON (RFC 8785) of a valid manifest. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const json = canonicalize(manifest);
  return new TextEncoder().encode(json as string);
}

/** Accepts only the canonical form of a valid manifest. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MANIFEST_BYTES_MAX) throw catalogError('catalog.package_too_large', { manifestBytesMax: MANIFEST_BYTES_MAX });
  const manifest = validateManifest(parseJson(bytes));
  if (Buffer.compare(encodeManifest(manifest), bytes) !== 0)
    throw catalogError('catalog.manifest_invalid', { reason: 'not canonical JSON' });
  return manifest;
}

/** Names the field that is wrong and why. */
export function validateManifest(value: unknown): Manifest {
  const result = manifestSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw catalogError('catalog.manifest_invalid', { field: issue?.path.join('.') || 'manifest', reason: issue?.message });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw catalogError('catalog.manifest_invalid', { reason: 'not JSON' }, { cause });
  }
}
