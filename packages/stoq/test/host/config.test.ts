import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CONFIG_FILE_BYTES_MAX, loadConfig } from '@hypermesh/stoq/host';

const schema = z.strictObject({
  name: z.string().default('unnamed'),
  listen: z.array(z.string()).default([]),
  blobs: z.strictObject({ quotaBytes: z.int().positive().default(1), folder: z.string().default('/tmp') }).prefault({}),
});

describe('configuration', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stoq config '));
  });
  afterAll(() => rm(directory, { recursive: true }));
  const fileWith = async (text: string): Promise<string> => {
    const file = join(directory, 'daemon.yaml');
    await writeFile(file, text);
    return file;
  };

  it('takes the defaults of the schema when nothing is said', async () => {
    const config = await loadConfig({ schema });
    expect(config).toEqual({ name: 'unnamed', listen: [], blobs: { quotaBytes: 1, folder: '/tmp' } });
    expect(await loadConfig({ schema, file: await fileWith('# nothing yet\n') })).toEqual(config);
  });

  it('lets flags win over the environment and that over the file, key by key', async () => {
    const config = await loadConfig({
      schema,
      file: await fileWith('name: file\nlisten: ["127.0.0.1:1"]\nblobs: { quotaBytes: 10, folder: /file }\n'),
      environment: {
        prefix: 'TESTD_',
        variables: { TESTD_BLOBS__QUOTA_BYTES: '20', TESTD_NAME: 'environment', OTHER_NAME: 'x', TESTD_GONE: undefined },
      },
      flags: { name: 'flag', listen: '["[::1]:2"]' },
    });
    expect(config).toEqual({ name: 'flag', listen: ['[::1]:2'], blobs: { quotaBytes: 20, folder: '/file' } });
  });

  it('is frozen all the way down', async () => {
    const config = await loadConfig({ schema, flags: { listen: '[a]' } });
    expect([config, config.listen, config.blobs].every((value) => Object.isFrozen(value))).toBe(true);
  });

  it.each([
    ['a value of the wrong kind', 'blobs: { quotaBytes: lots }', { key: 'blobs.quotaBytes', problems: 1 }],
    ['a key that is unknown', 'blobs: { quota: 5 }', { key: 'blobs.quota', remedy: 'correct its spelling or remove it' }],
    ['several problems', 'name: 5\nlisten: 5\n', { key: 'name', problems: 2 }],
    ['YAML that does not parse', 'name: [', { line: 1, reason: 'BAD_INDENT' }],
    ['a key given twice', 'name: a\nname: b\n', { line: 2, reason: 'DUPLICATE_KEY' }],
    ['a warning of the parser', 'name: !secret x\n', { line: 1, reason: 'TAG_RESOLVE_FAILED' }],
    ['an alias', 'listen: &all [a]\nname: *all\n', { reason: 'aliases are not allowed' }],
    ['a list at the top', '- a\n', { reason: 'not a mapping' }],
    ['a second document', 'name: a\n---\nname: b\n', { reason: 'MULTIPLE_DOCS' }],
    ['too many bytes', `# ${'x'.repeat(CONFIG_FILE_BYTES_MAX)}`, { reason: 'too large' }],
  ])('refuses %s, naming file, place and remedy', async (_what, text, data) => {
    const file = await fileWith(text);
    await expect(loadConfig({ schema, file })).rejects.toMatchObject({
      code: 'stoq.config_invalid',
      data: { source: file, remedy: expect.any(String), ...data },
    });
  });

  it('takes a file of exactly the largest size', async () => {
    const text = 'name: a\n#';
    const file = await fileWith(text + 'x'.repeat(CONFIG_FILE_BYTES_MAX - text.length));
    expect((await loadConfig({ schema, file })).name).toBe('a');
  });

  it('refuses a file that is not there', async () => {
    const file = join(directory, 'missing.yaml');
    await expect(loadConfig({ schema, file })).rejects.toMatchObject({
      code: 'stoq.config_invalid',
      data: { source: file, reason: 'ENOENT' },
    });
  });

  it.each([
    ['a wrong value', { name: '[1' }, { source: 'flag name', reason: 'not a YAML value' }],
    ['a value of the wrong kind', { 'blobs.quotaBytes': '-1' }, { source: 'flag blobs.quotaBytes', key: 'blobs.quotaBytes' }],
    ['an unknown key', { 'blobs.quota': '5' }, { source: 'flag blobs.quota', key: 'blobs.quota' }],
    ['a step into a list', { listen: '[a]', 'listen.first': 'b' }, { source: 'flag listen.first', reason: 'listen is not a mapping' }],
    ['what is no key', { 'blobs..x': '1' }, { source: 'flag blobs..x', reason: 'not a key' }],
    ['a key of the prototype', { '__proto__.polluted': '1' }, { reason: 'not a key' }],
    ['a key of the object', { 'constructor.name': 'x' }, { key: 'constructor' }],
    ['too long a value', { name: 'x'.repeat(5_000) }, { reason: 'too long' }],
  ])('names the flag that has %s', async (_what, flags, data) => {
    await expect(loadConfig({ schema, flags })).rejects.toMatchObject({ code: 'stoq.config_invalid', data });
  });

  it('names the environment variable at fault, and no value', async () => {
    const variables = { TESTD_BLOBS__QUOTA_BYTES: 'hunter2' };
    const failure: unknown = await loadConfig({ schema, environment: { prefix: 'TESTD_', variables } }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'stoq.config_invalid', data: { source: 'environment variable TESTD_BLOBS__QUOTA_BYTES' } });
    expect(String(failure)).not.toContain('hunter2');
  });
});
