import { type FileHandle, open, realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { stoqError } from '../errors.ts';

// A key, a token or a password; the largest is an encrypted keystore of a few kilobytes.
export const SECRET_FILE_BYTES_MAX: number = 64 * 1024;

const OTHERS_BITS = 0o077;

export interface SecretFileOptions {
  /** Where the service manager puts credentials, which it protects by other means than the mode; null for none. */
  readonly credentialsDirectory?: string | null;
}

/**
 * The bytes of a file that nobody else can read: a regular file without permissions for group and others, or one in the
 * service manager's credentials directory. The caller wipes them. Throws `stoq.secret_unreadable`, which says the remedy.
 */
export async function readSecretFile(path: string, options: SecretFileOptions = {}): Promise<Uint8Array> {
  const { credentialsDirectory = process.env['CREDENTIALS_DIRECTORY'] ?? null } = options;
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, String((cause as NodeJS.ErrnoException).code), 'create it, readable by the user that runs this', cause);
  });
  try {
    const trusted = credentialsDirectory !== null && (await isWithin(path, credentialsDirectory));
    return await readChecked(file, path, trusted);
  } finally {
    await file.close();
  }
}

async function readChecked(file: FileHandle, path: string, trusted: boolean): Promise<Uint8Array> {
  const found = await file.stat();
  const { mode, size } = found;
  if (!found.isFile()) throw unreadable(path, 'not a regular file', 'name a file');
  if (!trusted && (mode & OTHERS_BITS) !== 0) throw unreadable(path, 'others may read it', `chmod 600 ${path}`);
  if (size === 0) throw unreadable(path, 'empty', 'write the secret into it');
  if (size > SECRET_FILE_BYTES_MAX) throw unreadable(path, 'too large', `at most ${SECRET_FILE_BYTES_MAX} bytes`);
  const bytes = new Uint8Array(size);
  const { bytesRead } = await file.read(bytes, 0, size, 0);
  return bytes.subarray(0, bytesRead);
}

async function isWithin(path: string, directory: string): Promise<boolean> {
  const [file, folder] = await Promise.all([realpath(path), realpath(directory).catch(() => null)]);
  return folder !== null && file.startsWith(folder + sep);
}

function unreadable(path: string, reason: string, remedy: string, cause?: unknown): Error {
  return stoqError('stoq.secret_unreadable', { file: path, reason, remedy }, { cause });
}
