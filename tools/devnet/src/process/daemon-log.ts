import { open } from 'node:fs/promises';

// What an error quotes.
const LAST_LINES = 5;
const LAST_CHARS = 4_096;
// A line with a stack takes two KiB; what is further back is of another time.
const END_BYTES = 64 * 1_024;

const PROBLEM_LEVELS: readonly unknown[] = ['warn', 'error', 'fatal'];

/** The end of a log of any length. */
export async function endOfLog(path: string): Promise<string> {
  await using file = await open(path);
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(END_BYTES), 0, END_BYTES, Math.max(0, size - END_BYTES));
  return buffer.toString('utf8', 0, bytesRead);
}

/** The last words of a log. */
export function lastLines(text: string): string {
  return text.slice(-LAST_CHARS).trim().split('\n').slice(-LAST_LINES).join(' | ');
}

/** The last warning or worse that the process of that id has logged: earlier processes wrote to the same file. */
export function lastProblem(text: string, pid: number | undefined): string | undefined {
  const lines = text.split('\n').map(parseLine);
  const line = lines.findLast((entry) => entry !== undefined && entry.pid === pid && PROBLEM_LEVELS.includes(entry.level));
  if (line === undefined) return undefined;
  return [line.msg, line.err?.message].filter((part) => typeof part === 'string').join(': ');
}

interface LogLine {
  readonly level?: unknown;
  readonly pid?: unknown;
  readonly msg?: unknown;
  readonly err?: { readonly message?: unknown };
}

/** Undefined for what is no line of the logger, as the words of a crash. */
function parseLine(line: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
