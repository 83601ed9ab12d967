import type { Metric } from '../report/metric.ts';
import type { SuiteContext } from '../suite.ts';

export async function* measureCatalog(_context: SuiteContext): AsyncGenerator<Metric> {}
