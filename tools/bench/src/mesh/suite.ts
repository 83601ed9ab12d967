import type { Metric } from '../report/metric.ts';
import type { SuiteContext } from '../suite.ts';

export async function* measureMesh(_context: SuiteContext): AsyncGenerator<Metric> {}
