import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { fileReason } from '../src/file-reason.ts';

const SELF = fileURLToPath(import.meta.url);

test.each([
  { what: 'nothing', refused: () => readFile(`${SELF}.none`), reason: 'there is no such file' },
  { what: 'a folder', refused: () => readFile(tmpdir()), reason: 'is a directory' },
  { what: 'a file in a file', refused: () => readFile(`${SELF}/file`), reason: 'not a directory' },
  { what: 'a file that is there', refused: () => open(SELF, 'wx'), reason: 'EEXIST' },
  {
    what: 'one that others may read',
    refused: () => Promise.reject(Object.assign(new Error(), { code: 'EACCES' })),
    reason: 'permission denied',
  },
  {
    what: 'one that others may change',
    refused: () => Promise.reject(Object.assign(new Error(), { code: 'EPERM' })),
    reason: 'permission denied',
  },
  { what: 'an error without a code', refused: () => Promise.reject(new Error('fault')), reason: undefined },
])('$what: $reason', async ({ refused, reason }) => {
  const error: unknown = await refused().catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(Error);
  expect(fileReason(error)).toBe(reason);
});
