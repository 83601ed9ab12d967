import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile, syncDirectory } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import { type Checkpoint, formatCheckpoint, parseCheckpointText } from '../note/checkpoint.ts';

/** The newest tree head that a witness has cosigned, by origin. */
export interface WitnessStore {
  /** Null if none was cosigned. */
  read(origin: string): Promise<Checkpoint | null>;
  /** Durable when it resolves. */
  write(head: Checkpoint): Promise<void>;
}

/** One small file per origin in a folder of its own. */
export async function openWitnessStore(directory: string): Promise<WitnessStore> {
  const made = await mkdir(directory, { recursive: true });
  if (made !== undefined) await syncDirectory(join(made, '..'));
  const pathOf = (origin: string): string => join(directory, createHash('sha256').update(origin).digest('hex'));
  return {
    async read(origin) {
      let text: string;
      try {
        text = await readFile(pathOf(origin), 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
      return parseHead(text, origin);
    },
    write: (head) => replaceFile(pathOf(head.origin), new TextEncoder().encode(formatCheckpoint(head))),
  };
}

/** Throws `trustchain.log_corrupt`: without the head a witness could sign a fork, so it signs nothing. */
function parseHead(text: string, origin: string): Checkpoint {
  try {
    const head = parseCheckpointText(text);
    if (head.origin !== origin) throw trustError('trustchain.checkpoint_malformed', { origin: head.origin });
    return head;
  } catch (cause) {
    throw trustError('trustchain.log_corrupt', { file: 'witness', origin }, { cause });
  }
}
