import type { Metric } from './metric.ts';

const HEADERS = ['metric', 'value', 'unit', 'p50', 'p95', 'p99', 'n', 'baseline', 'how'] as const;
// The machine is the same for every row.
const MACHINE_KEYS: ReadonlySet<string> = new Set(['cores', 'cpu', 'memoryGiB', 'kernel', 'node', 'load1']);

/** One JSON object on one line. */
export function formatJson(metric: Metric): string {
  return JSON.stringify(metric);
}

/** An aligned table under one line about the machine. */
export function formatTable(metrics: readonly Metric[]): string {
  const rows = [HEADERS, ...metrics.map(rowOf)];
  const widths = HEADERS.map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => aligned(cell, column, widths))
      .join('  ')
      .trimEnd(),
  );
  const machine = metrics[0] === undefined ? [] : [textOf(metrics[0], (key) => MACHINE_KEYS.has(key))];
  return [...machine, ...lines].join('\n');
}

/** Three significant digits, and no digit of an integer lost. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toString();
  return Number(value.toPrecision(3)).toString();
}

function rowOf(metric: Metric): readonly string[] {
  const { name, value, unit, p50, p95, p99, n, baseline } = metric;
  const compared = baseline === undefined ? '' : `${baseline.name} ${formatNumber(baseline.value)}`;
  const how = textOf(metric, (key) => !MACHINE_KEYS.has(key));
  return [name, formatNumber(value), unit, formatNumber(p50), formatNumber(p95), formatNumber(p99), n.toString(), compared, how];
}

function textOf({ params }: Metric, isShown: (key: string) => boolean): string {
  return Object.entries(params)
    .filter(([key]) => isShown(key))
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

/** Numbers to the right, words to the left. */
function aligned(cell: string, column: number, widths: readonly number[]): string {
  const width = widths[column] as number;
  const isNumber = column === 1 || (column >= 3 && column <= 6);
  return isNumber ? cell.padStart(width) : cell.padEnd(width);
}
