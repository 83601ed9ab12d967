import { strict as assert } from 'node:assert';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** For each label the values it may take: a label never carries what a peer sent. */
export type LabelSets = Readonly<Record<string, readonly string[]>>;
export type LabelsOf<L extends LabelSets> = { readonly [K in keyof L]: L[K][number] };

export interface MetricSpec<L extends LabelSets> {
  /** `<package>_<noun>_<unit>`; counters end in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: L;
}

export interface HistogramSpec<L extends LabelSets> extends MetricSpec<L> {
  /** Upper bounds in the unit of the name, ascending. */
  readonly buckets: readonly number[];
}

export interface CounterMetric<L extends LabelSets> {
  add(labels: LabelsOf<L>, amount?: number): void;
}

export interface GaugeMetric<L extends LabelSets> {
  set(labels: LabelsOf<L>, value: number): void;
}

export interface HistogramMetric<L extends LabelSets> {
  observe(labels: LabelsOf<L>, value: number): void;
}

export interface Metrics {
  counter<const L extends LabelSets = Record<never, never>>(spec: MetricSpec<L>): CounterMetric<L>;
  gauge<const L extends LabelSets = Record<never, never>>(spec: MetricSpec<L>): GaugeMetric<L>;
  /** A gauge whose value is asked for when metrics are read. */
  observed(spec: MetricSpec<Record<never, never>>, read: () => number): void;
  histogram<const L extends LabelSets = Record<never, never>>(spec: HistogramSpec<L>): HistogramMetric<L>;
  readonly contentType: string;
  /** The text exposition format. */
  text(): Promise<string>;
}

export interface MetricsOptions {
  /** Of the daemon; the one label of every metric. */
  readonly name: string;
  /** Also processor, memory, event loop and garbage collection of this process. */
  readonly process?: boolean;
}

const UNITS = 'seconds|milliseconds|bytes|ratio|count|height|caes|total|info';
const NAME_FORM = new RegExp(`^[a-z]+(_[a-z0-9]+)+_(${UNITS})$`);

/** One registry a process; each metric is made once, by the part that owns it. */
export function createMetrics({ name, process = false }: MetricsOptions): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ daemon: name });
  if (process) collectDefaultMetrics({ register: registry });

  const configOf = (spec: MetricSpec<LabelSets>): { name: string; help: string; labelNames: string[]; registers: Registry[] } => {
    assert(NAME_FORM.test(spec.name), `${spec.name} is not <package>_<noun>_<unit>`);
    return { name: spec.name, help: spec.help, labelNames: Object.keys(spec.labels ?? {}), registers: [registry] };
  };

  return {
    counter(spec) {
      assert(spec.name.endsWith('_total'), 'a counter counts a total');
      const metric = new Counter(configOf(spec));
      return { add: (labels, amount = 1) => metric.inc(checked(spec, labels), amount) };
    },
    gauge(spec) {
      const metric = new Gauge(configOf(spec));
      return { set: (labels, value) => metric.set(checked(spec, labels), value) };
    },
    observed(spec, read) {
      const metric: Gauge = new Gauge({ ...configOf(spec), collect: () => metric.set(read()) });
    },
    histogram(spec) {
      const metric = new Histogram({ ...configOf(spec), buckets: [...spec.buckets] });
      return { observe: (labels, value) => metric.observe(checked(spec, labels), value) };
    },
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}

function checked(spec: MetricSpec<LabelSets>, labels: Readonly<Record<string, string>>): Record<string, string> {
  for (const [label, value] of Object.entries(labels)) {
    assert(spec.labels?.[label]?.includes(value) === true, `${spec.name} has no label ${label}=${value}`);
  }
  return labels;
}
