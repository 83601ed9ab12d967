import { describe, expect, it } from 'vitest';
import { createLifeCycle, type NamedPart, startAll } from '@hypermesh/stoq/host';

interface Script {
  readonly failStart?: boolean;
  readonly failStop?: boolean;
  readonly starting?: () => Promise<void>;
}

describe('life cycle', () => {
  const events: string[] = [];
  const part = (name: string, { failStart, failStop, starting }: Script = {}): NamedPart => [
    name,
    {
      async start() {
        await starting?.();
        events.push(`start ${name}`);
        if (failStart) throw new RangeError('no disk');
      },
      async stop() {
        events.push(`stop ${name}`);
        if (failStop) throw new RangeError('stuck');
      },
    },
  ];
  const seen = (): string[] => events.splice(0);

  it('starts in order and stops in reverse, once', async () => {
    const running = await startAll([part('disk'), part('host'), part('daemon')]);
    expect(seen()).toEqual(['start disk', 'start host', 'start daemon']);
    await Promise.all([running.stop(), running.stop()]);
    await running[Symbol.asyncDispose]();
    expect(seen()).toEqual(['stop daemon', 'stop host', 'stop disk']);
  });

  it('undoes what was started when a part fails to start', async () => {
    const starting = startAll([part('disk', { failStop: true }), part('host'), part('daemon', { failStart: true }), part('never')]);
    await expect(starting).rejects.toMatchObject({
      code: 'stoq.start_failed',
      data: { part: 'daemon', reason: 'no disk' },
      cause: expect.any(RangeError),
    });
    expect(seen()).toEqual(['start disk', 'start host', 'start daemon', 'stop host', 'stop disk']);
  });

  it('stops every part even when some fail, and names those', async () => {
    const running = await startAll([part('disk', { failStop: true }), part('host'), part('daemon', { failStop: true })]);
    seen();
    await expect(running.stop()).rejects.toMatchObject({ code: 'stoq.stop_failed', data: { parts: 'daemon disk', reason: 'stuck' } });
    expect(seen()).toEqual(['stop daemon', 'stop host', 'stop disk']);
  });

  it('stopped during a start, it lets the part under way finish and starts no more', async () => {
    const [gate, reached] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slowly = (): Promise<void> => {
      reached.resolve();
      return gate.promise;
    };
    const lifeCycle = createLifeCycle([part('disk'), part('host', { starting: slowly }), part('daemon')]);
    const starting = lifeCycle.start().catch((error: unknown) => error);
    await reached.promise;
    const stopping = lifeCycle.stop();
    gate.resolve();
    await stopping;
    expect(await starting).toMatchObject({ code: 'stoq.start_failed', data: { part: 'daemon', reason: 'stopped meanwhile' } });
    expect(seen()).toEqual(['start disk', 'start host', 'stop host', 'stop disk']);
  });

  it('stopped before it started, it never starts', async () => {
    const lifeCycle = createLifeCycle([part('disk')]);
    await lifeCycle.stop();
    await expect(lifeCycle.start()).rejects.toMatchObject({ code: 'stoq.start_failed' });
    await expect(lifeCycle.start()).rejects.toThrow('a life cycle starts once');
    expect(seen()).toEqual([]);
  });
});
