import { describe, expect, test } from 'vitest';
import {
  decodeManifest,
  encodeManifest,
  FILES_MAX,
  type Manifest,
  MANIFEST_BYTES_MAX,
  validateManifest,
} from '../../src/manifest/manifest.ts';
import { packageRoot } from '../../src/manifest/root.ts';

const file = (path: string, change: object = {}) => ({ path, size: 3, sha256: 'a'.repeat(64), blob: 'b'.repeat(64), ...change });

const manifest: Manifest = {
  apiVersion: 'catalog/v1',
  kind: 'wasm',
  name: 'hello',
  version: '1.2.3',
  description: 'Says hello',
  license: 'MIT',
  entry: 'main.wasm',
  files: [file('LICENSE'), file('main.wasm')],
};

const refusal = (field: string): object => ({ code: 'catalog.manifest_invalid', data: expect.objectContaining({ field }) });

describe('a manifest', () => {
  test('round-trips in canonical JSON', () => {
    const bytes = encodeManifest(manifest);
    expect(new TextDecoder().decode(bytes)).toMatch(/^\{"apiVersion":"catalog\/v1","description"/u);
    expect(decodeManifest(bytes)).toEqual(manifest);
  });

  test.each<[string, string, object]>([
    ['an unknown kind', 'kind', { kind: 'binary' }],
    ['a name with capitals', 'name', { name: 'Hello' }],
    ['a name that starts with a hyphen', 'name', { name: '-hello' }],
    ['a version range', 'version', { version: '^1.2.3' }],
    ['a version with a leading v', 'version', { version: 'v1.2.3' }],
    ['an entry outside', 'entry', { entry: '../main.wasm' }],
    ['an entry that is no file of it', 'entry', { entry: 'other.wasm' }],
    ['no files', 'files', { files: [] }],
    ['files out of order', 'files', { files: [file('main.wasm'), file('LICENSE')] }],
    ['a file twice', 'files', { files: [file('main.wasm'), file('main.wasm')] }],
    ['a path that is a file and a folder', 'files', { files: [file('a'), file('a/b'), file('main.wasm')] }],
    ['an absolute path', 'files.0.path', { files: [file('/etc/passwd'), file('main.wasm')] }],
    ['a digest in capitals', 'files.0.sha256', { files: [file('main.wasm', { sha256: 'A'.repeat(64) })] }],
    ['a negative size', 'files.0.size', { files: [file('main.wasm', { size: -1 })] }],
    [
      'too many bytes together',
      'files',
      { files: [1, 2, 3].map((n) => file(n === 3 ? 'main.wasm' : `${n}`, { size: 256 * 1024 * 1024 })) },
    ],
    ['an unknown field', 'manifest', { author: 'me' }],
  ])('refuses %s', (_, field, change) => {
    expect(() => validateManifest({ ...manifest, ...change })).toThrow(expect.objectContaining(refusal(field)));
  });

  test('holds at most FILES_MAX files', () => {
    const files = Array.from({ length: FILES_MAX + 1 }, (_, i) => file(`f${String(i).padStart(5, '0')}`));
    const entry = 'f00000';
    expect(validateManifest({ ...manifest, entry, files: files.slice(0, FILES_MAX) }).files).toHaveLength(FILES_MAX);
    expect(() => validateManifest({ ...manifest, entry, files })).toThrow(expect.objectContaining(refusal('files')));
  });

  test.each([
    ['another order of keys', new TextEncoder().encode(JSON.stringify(Object.fromEntries(Object.entries(manifest).toReversed())))],
    ['white space', new TextEncoder().encode(JSON.stringify(manifest, null, 1))],
    ['no JSON', new TextEncoder().encode('{')],
    ['bytes that are not UTF-8', Uint8Array.of(0xff)],
  ])('is not accepted with %s', (_, bytes) => {
    expect(() => decodeManifest(bytes)).toThrow(expect.objectContaining({ code: 'catalog.manifest_invalid' }));
  });

  test('is not parsed above its size limit', () => {
    const bytes = new Uint8Array(MANIFEST_BYTES_MAX + 1);
    expect(() => decodeManifest(bytes)).toThrow(expect.objectContaining({ code: 'catalog.package_too_large' }));
  });
});

describe('the root of a package', () => {
  const root = (change: object = {}): string => Buffer.from(packageRoot({ ...manifest, ...change })).toString('hex');

  test('is the same for the same content', () => expect(root()).toBe(root({})));

  test.each<[string, object]>([
    ['name', { name: 'other' }],
    ['version', { version: '1.2.4' }],
    ['kind', { kind: 'service' }],
    ['entry', { entry: 'LICENSE' }],
    ['licence', { license: 'Apache-2.0' }],
    ['path of a file', { files: [file('LICENCE'), file('main.wasm')] }],
    ['size of a file', { files: [file('LICENSE', { size: 4 }), file('main.wasm')] }],
    ['digest of a file', { files: [file('LICENSE'), file('main.wasm', { sha256: 'c'.repeat(64) })] }],
    ['address of a file', { files: [file('LICENSE'), file('main.wasm', { blob: 'c'.repeat(64) })] }],
    ['number of files', { files: [file('main.wasm')] }],
  ])('changes with the %s', (_, change) => expect(root(change)).not.toBe(root()));
});
