import { createReadStream } from 'node:fs';
import { fileReason } from '@hypermesh/stoq';
import { cliError } from './errors.ts';

/** A whole file that the command line names, or a pipe. Throws `cli.file_unusable` with its path, also for one beyond the limit. */
export async function readBounded(path: string, { bytesMax, signal }: ReadOptions): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    // `end` is the last byte that is read: one more than there may be.
    for await (const chunk of createReadStream(path, { end: bytesMax, signal })) chunks.push(chunk as Uint8Array);
  } catch (cause) {
    signal.throwIfAborted();
    throw cliError('cli.file_unusable', { path, reason: fileReason(cause) }, { cause });
  }
  const bytes = Buffer.concat(chunks);
  if (bytes.length > bytesMax) throw cliError('cli.file_unusable', { path, bytesMax });
  return new Uint8Array(bytes);
}

export interface ReadOptions {
  readonly bytesMax: number;
  readonly signal: AbortSignal;
}

/** As `readBounded`, for UTF-8. */
export async function readBoundedText(path: string, options: ReadOptions): Promise<string> {
  return Buffer.from(await readBounded(path, options)).toString('utf8');
}
