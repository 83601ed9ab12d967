import { describe, expect, it } from 'vitest';
import { createMetrics } from '@hypermesh/stoq/host';

describe('metrics', () => {
  it('shows counters, gauges and histograms with the daemon as label', async () => {
    const metrics = createMetrics({ name: 'testd' });
    const sessions = metrics.counter({ name: 'stoq_sessions_total', help: 'Sessions', labels: { role: ['client', 'server'] } });
    sessions.add({ role: 'client' });
    sessions.add({ role: 'client' }, 2);
    metrics.gauge({ name: 'stoq_blobs_bytes', help: 'Blobs' }).set({}, 5);
    metrics.histogram({ name: 'stoq_handshake_seconds', help: 'Handshakes', buckets: [1, 2] }).observe({}, 1.5);
    let height = 7;
    metrics.observed({ name: 'hypermesh_block_height', help: 'Height' }, () => height);
    height = 8;
    const lines = (await metrics.text()).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'stoq_sessions_total{role="client",daemon="testd"} 3',
        'stoq_blobs_bytes{daemon="testd"} 5',
        'stoq_handshake_seconds_bucket{le="1",daemon="testd"} 0',
        'stoq_handshake_seconds_bucket{le="2",daemon="testd"} 1',
        'hypermesh_block_height{daemon="testd"} 8',
      ]),
    );
    expect(metrics.contentType).toContain('text/plain');
  });

  it.each(['sessions', 'stoq_sessions', 'stoqSessions_total', 'stoq_sessions_furlongs', 'stoq_total'])('refuses the name %s', (name) => {
    expect(() => createMetrics({ name: 'testd' }).gauge({ name, help: 'Sessions' })).toThrow('is not <package>_<noun>_<unit>');
  });

  it('refuses a counter that is no total, a label and a value outside its set, and a name taken twice', () => {
    const metrics = createMetrics({ name: 'testd' });
    expect(() => metrics.counter({ name: 'stoq_sessions_count', help: 'Sessions' })).toThrow('a counter counts a total');
    const gauge = metrics.gauge({ name: 'stoq_sessions_count', help: 'Sessions', labels: { role: ['client'] } });
    expect(() => gauge.set({ role: 'peer-chosen' as 'client' }, 1)).toThrow('no label role=peer-chosen');
    expect(() => gauge.set({ other: 'client' } as never, 1)).toThrow('no label other=client');
    expect(() => metrics.gauge({ name: 'stoq_sessions_count', help: 'Sessions' })).toThrow('already been registered');
  });

  it('shows the process itself when asked to', async () => {
    expect(await createMetrics({ name: 'testd', process: true }).text()).toContain('process_resident_memory_bytes{daemon="testd"}');
  });
});
