import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPackage } from '@hypermesh/catalog';
import { parseAppDocument } from '@hypermesh/mesh';
import { expect, test } from 'vitest';
import { withGuestFolder } from '../../src/guests/package.ts';

test.each(['exclusive.as', 'hostile.as'])('%s is a package that builds, with an app document', { timeout: 60_000 }, async (source) => {
  const staging = await mkdtemp(join(tmpdir(), 'faults-'));
  const spec = { exclusive: true, onPartition: 'stop' };
  const folder = await withGuestFolder({ name: 'guest', source, spec }, async (path) => {
    const { manifest } = await buildPackage(path, staging);
    expect(manifest).toMatchObject({ name: 'guest', version: '1.0.0', kind: 'wasm' });
    const file = join(path, 'app.yaml');
    expect(parseAppDocument(await readFile(file, 'utf8'), file)).toMatchObject({ name: 'guest', exclusive: true });
    return path;
  });
  expect(existsSync(folder)).toBe(false);
  await rm(staging, { recursive: true });
});
