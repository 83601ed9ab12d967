import { describe, expect, it } from 'vitest';
import { createHealth } from '@hypermesh/stoq/host';

describe('health', () => {
  it('is well while nothing says otherwise', () => {
    expect(createHealth().report('live')).toEqual({ ok: true, checks: [] });
  });

  it('keeps liveness and readiness apart', () => {
    const health = createHealth();
    health.check('ready', 'log', () => 'behind by 12 blocks');
    health.check('live', 'log', () => null);
    expect(health.report('live').ok).toBe(true);
    expect(health.report('ready')).toEqual({ ok: false, checks: [{ name: 'log', problem: 'behind by 12 blocks' }] });
  });

  it('takes a check that throws for a problem', () => {
    const health = createHealth();
    health.check('live', 'disk', () => {
      throw new RangeError('detail that nobody should see');
    });
    expect(health.report('live')).toEqual({ ok: false, checks: [{ name: 'disk', problem: 'the check itself failed' }] });
  });

  it('removes only the check that was added', () => {
    const health = createHealth();
    const removeOld = health.check('ready', 'log', () => 'old');
    const removeNew = health.check('ready', 'log', () => 'new');
    removeOld();
    expect(health.report('ready').checks).toEqual([{ name: 'log', problem: 'new' }]);
    removeNew();
    expect(health.report('ready').checks).toEqual([]);
  });
});
