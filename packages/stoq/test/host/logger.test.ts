import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stoqError } from '@hypermesh/stoq';
import { createLogger, LOG_LEVELS, type Logger, type LogLevel } from '@hypermesh/stoq/host';

function captured(level: LogLevel = 'info'): { readonly logger: Logger; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  return { logger: createLogger({ name: 'testd', level, destination }), lines };
}

describe('logger', () => {
  it('writes one JSON object a line, with the daemon, the level by name and the time', () => {
    const { logger, lines } = captured();
    logger.info({ peers: 3 }, 'ready');
    expect(lines).toEqual([
      { level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), name: 'testd', pid: process.pid, peers: 3, msg: 'ready' },
    ]);
  });

  it.each(LOG_LEVELS.filter((level) => level !== 'silent').map((level, index) => [level, LOG_LEVELS.slice(0, index + 1)] as const))(
    'at %s it writes what is as grave',
    (level, graver) => {
      const { logger, lines } = captured(level);
      for (const each of LOG_LEVELS) logger[each]('event');
      expect(lines.map((line) => line['level'])).toEqual(graver);
    },
  );

  it('writes nothing when silent', () => {
    const { logger, lines } = captured('silent');
    logger.fatal('event');
    expect(lines).toEqual([]);
  });

  it('shows neither secrets nor bytes', () => {
    const { logger, lines } = captured();
    logger.info({ token: 'hunter2', login: { password: 'hunter2' }, key: new Uint8Array(32).fill(7), privateKey: new Uint8Array(2) });
    expect(lines[0]).toMatchObject({ token: '[redacted]', login: { password: '[redacted]' }, key: '32 bytes', privateKey: '[redacted]' });
    expect(JSON.stringify(lines)).not.toMatch(/hunter2|7,7/);
  });

  it('tells an error with its code, data and cause', () => {
    const { logger, lines } = captured();
    logger.error({ err: stoqError('stoq.start_failed', { part: 'disk' }, { cause: new RangeError('full') }) });
    expect(lines[0]?.['err']).toMatchObject({
      code: 'stoq.start_failed',
      data: { part: 'disk' },
      message: expect.stringContaining('full'),
    });
  });

  it('appends to a file that only its owner reads, at once', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'stoq-log-'));
    const file = join(directory, 'logs', 'testd.log');
    createLogger({ name: 'testd', destination: { file } }).info('one');
    createLogger({ name: 'testd', destination: { file } }).info('two');
    const messages = (await readFile(file, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages).toEqual(['one', 'two']);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await rm(directory, { recursive: true });
  });
});
