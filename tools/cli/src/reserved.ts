import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

const PRIVATE_FILE_MODE = 0o600;

/**
 * Makes a new file, readable by its owner only, with what the work answers. The file is there before the work begins, so that nothing is
 * made that has no place, and goes if the work fails.
 */
export async function intoNewFile<T>(path: string, work: () => Promise<{ readonly text: string; readonly value: T }>): Promise<T> {
  const file = await open(path, 'wx', PRIVATE_FILE_MODE);
  try {
    const { text, value } = await work();
    await file.writeFile(text);
    return value;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** As `intoNewFile`, for work that fills a new folder. */
export async function intoNewFolder<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  await mkdir(path);
  try {
    return await work();
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    throw error;
  }
}
