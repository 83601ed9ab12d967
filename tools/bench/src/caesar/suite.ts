import type { Metric } from '../report/metric.ts';
import type { SuiteContext } from '../suite.ts';

export async function* measureCaesar(_context: SuiteContext): AsyncGenerator<Metric> {}
