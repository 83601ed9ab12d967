import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSecretFile, SECRET_FILE_BYTES_MAX } from '@hypermesh/stoq/host';

describe('secret files', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stoq-secrets-'));
  });
  afterAll(() => rm(directory, { recursive: true }));
  const fileWith = async (bytes: string | Uint8Array, mode: number): Promise<string> => {
    const file = join(directory, 'secret');
    await rm(file, { force: true });
    await writeFile(file, bytes);
    await chmod(file, mode);
    return file;
  };

  it.each([0o600, 0o400, 0o700])('reads a file of mode %o', async (mode) => {
    const file = await fileWith(Uint8Array.of(0, 1, 255), mode);
    expect(await readSecretFile(file)).toEqual(Uint8Array.of(0, 1, 255));
  });

  it.each([0o640, 0o604, 0o660, 0o610])('refuses a file of mode %o and says what to do', async (mode) => {
    const file = await fileWith('secret', mode);
    await expect(readSecretFile(file)).rejects.toMatchObject({
      code: 'stoq.secret_unreadable',
      data: { file, reason: 'others may read it', remedy: `chmod 600 ${file}` },
    });
  });

  it('trusts the credentials directory of the service manager, and only what is really in it', async () => {
    const file = await fileWith('secret', 0o440);
    expect(Buffer.from(await readSecretFile(file, { credentialsDirectory: directory })).toString()).toBe('secret');
    const elsewhere = await mkdtemp(join(tmpdir(), 'stoq-credentials-'));
    const link = join(elsewhere, 'link');
    await symlink(file, link);
    await expect(readSecretFile(link, { credentialsDirectory: elsewhere })).rejects.toMatchObject({ code: 'stoq.secret_unreadable' });
    await rm(elsewhere, { recursive: true });
    await expect(readSecretFile(file, { credentialsDirectory: elsewhere })).rejects.toMatchObject({ code: 'stoq.secret_unreadable' });
    await expect(readSecretFile(file, { credentialsDirectory: null })).rejects.toMatchObject({ code: 'stoq.secret_unreadable' });
  });

  it.each([
    ['empty', ''],
    ['too large', new Uint8Array(SECRET_FILE_BYTES_MAX + 1)],
  ])('refuses a file that is %s', async (reason, bytes) => {
    await expect(readSecretFile(await fileWith(bytes, 0o600))).rejects.toMatchObject({ code: 'stoq.secret_unreadable', data: { reason } });
  });

  it('takes a file of exactly the largest size', async () => {
    expect(await readSecretFile(await fileWith(new Uint8Array(SECRET_FILE_BYTES_MAX), 0o600))).toHaveLength(SECRET_FILE_BYTES_MAX);
  });

  it('refuses what is no file', async () => {
    await expect(readSecretFile(directory)).rejects.toMatchObject({ data: { reason: 'not a regular file' } });
    await expect(readSecretFile(join(directory, 'none'))).rejects.toMatchObject({ data: { reason: 'ENOENT' } });
  });
});
