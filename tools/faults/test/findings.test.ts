import { stoqError } from '@hypermesh/stoq';
import { describe, expect, test } from 'vitest';
import { describe as words, Findings } from '../src/findings.ts';

describe('findings', () => {
  test('add up and keep the highest', () => {
    const findings = new Findings(new AbortController().signal);
    findings.count('kills');
    findings.count('kills', 2);
    findings.highest('gap, ms', 4.4);
    findings.highest('gap, ms', 3);
    expect(findings.counts).toEqual({ kills: 3, 'gap, ms': 4 });
  });

  test('are violations when something does not hold or throws', async () => {
    const findings = new Findings(new AbortController().signal);
    expect(findings.expect(true, 'held')).toBe(true);
    expect(findings.expect(false, 'lost')).toBe(false);
    await findings.check('receipts', async () => {
      throw stoqError('stoq.blob_missing', { digest: 'ab' });
    });
    await findings.check('blobs', async () => {});
    expect(findings.violations).toEqual(['lost', expect.stringMatching(/^receipts: stoq\.blob_missing: .*"digest":"ab"/u)]);
  });

  test('are none of what fails once the run is interrupted', async () => {
    const running = new AbortController();
    const findings = new Findings(running.signal);
    findings.violation('lost');
    running.abort();
    findings.violation('a daemon has ended');
    await findings.check('kills', () => Promise.reject(running.signal.reason));
    expect(findings.violations).toEqual(['lost']);
  });

  test('keep how long a step took, failed or not', async () => {
    const findings = new Findings(new AbortController().signal);
    expect(await findings.timed('start', async () => 7)).toBe(7);
    await expect(findings.timed('stop', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(Object.keys(findings.counts)).toEqual(['start, longest, ms', 'stop, longest, ms']);
  });

  test('name the causes of an error', () => {
    expect(words(new Error('outer', { cause: new Error('inner') }))).toBe('outer <- inner');
    expect(words('text')).toBe('text');
  });
});
