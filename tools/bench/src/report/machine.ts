import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import type { Params } from './metric.ts';

const GIBIBYTE = 2 ** 30;

/** Where a figure was measured, and what else the machine was doing. */
export function machineFacts(): Params {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / GIBIBYTE),
    kernel: release(),
    node: process.version,
    load1: round(loadavg()[0] as number),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
