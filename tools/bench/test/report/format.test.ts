import { expect, test } from 'vitest';
import { formatJson, formatNumber, formatTable } from '../../src/report/format.ts';
import { latency, perRun } from '../../src/report/metric.ts';

test.each([
  [1234.6, '1235'],
  [12.345, '12.3'],
  [0.0012345, '0.00123'],
  [20_000, '20000'],
  [3, '3'],
  [0, '0'],
])('writes %d as %s', (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

test('aligns the columns of a table and names the machine once', () => {
  const machine = { cores: 2, node: 'v24.0.0' };
  const metrics = [
    latency('a.ms', [1, 2, 3], { warmUp: 5, ...machine }),
    { ...perRun('longer.name.ratio', 'ratio', [0.5], machine), baseline: { name: 'raw', value: 2 } },
  ];
  expect(formatTable(metrics).split('\n')).toEqual([
    'cores=2 node=v24.0.0',
    'metric             value  unit   p50  p95  p99  n  baseline  how',
    'a.ms                   2  ms       2    3    3  3            warmUp=5',
    'longer.name.ratio    0.5  ratio  0.5  0.5  0.5  1  raw 2',
  ]);
});

test('writes a metric as one line of JSON with every field', () => {
  const line = formatJson(latency('a.ms', [4], { warmUp: 0 }));
  expect(line).not.toContain('\n');
  expect(JSON.parse(line)).toEqual({ name: 'a.ms', value: 4, unit: 'ms', p50: 4, p95: 4, p99: 4, n: 1, params: { warmUp: 0 } });
});
