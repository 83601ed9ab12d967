import binaryen from 'binaryen';
import { catalogError } from '../errors.ts';
import { assertCount, TABLE_ENTRIES_MAX } from '../module/limits.ts';
import { withoutStart } from '../module/sections.ts';
import { type CallGraph, type CallNode, recursiveFunctions, THROUGH_TABLE } from './call-graph.ts';
import { chargeBody } from './charge.ts';
import { tree } from './expressions.ts';
import { CALL_DEPTH_MAX, METERED_BYTES_MAX } from './limits.ts';
import { MeteredModule } from './metered-module.ts';

const FEATURES =
  binaryen.Features.MutableGlobals |
  binaryen.Features.SignExt |
  binaryen.Features.BulkMemory |
  binaryen.Features.NontrappingFPToInt |
  binaryen.Features.Multivalue |
  binaryen.Features.ReferenceTypes |
  ((binaryen.Features as unknown as Record<string, number>).BulkMemoryOpt ?? 0) |
  ((binaryen.Features as unknown as Record<string, number>).CallIndirectOverlong ?? 0);

// What a WASI command exports to be run.
const ENTRY = '_start';

/**
 * Rewrites a module so that it pays fuel for what it runs: the count is the same on every run and machine. Refuses modules outside the
 * allowed features. Do not optimise the result: the optimiser undoes the placement of the charges.
 */
export function instrument(source: Uint8Array): Uint8Array {
  const { bytes, start } = withoutStart(source);
  const wasm = read(bytes);
  try {
    const functions = Array.from({ length: wasm.getNumFunctions() }, (_, index) =>
      binaryen.getFunctionInfo(wasm.getFunctionByIndex(index)),
    );
    const isImport = (fn: binaryen.FunctionInfo): boolean => Boolean(fn.module);
    const imported = new Set(functions.filter(isImport).map((fn) => fn.name));
    const defined = functions.filter((fn) => !isImport(fn));
    const module = new MeteredModule(wasm, imported, { callDepthMax: CALL_DEPTH_MAX });
    const fuelOf = new Map(defined.map((fn) => [fn.name, chargeBody(module, fn.name, fn.body)]));
    const recursive = recursiveFunctions(callGraph(wasm, module));
    for (const fn of defined) {
      // Two more for the call and the return.
      const body = module.chargedBefore((fuelOf.get(fn.name) as number) + 2, fn.body);
      tree.Function.setBody(wasm.getFunction(fn.name), body);
      if (recursive.has(fn.name)) module.guardDepth(fn, body);
    }
    if (start !== null) module.startInEntry(nameOf(functions, start), ENTRY);
    if (wasm.validate() === 0) throw catalogError('catalog.module_malformed', { reason: 'not valid after metering' });
    const metered = wasm.emitBinary();
    assertCount('meteredBytes', metered.length, METERED_BYTES_MAX);
    return metered;
  } finally {
    wasm.dispose();
  }
}

/** Whether an error is the end of the compiler library's memory or stack, not one of the module's form. */
export function isExhausted(error: unknown): error is WebAssembly.RuntimeError | RangeError {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
}

function read(bytes: Uint8Array): binaryen.Module {
  let wasm: binaryen.Module;
  try {
    wasm = (binaryen.readBinary as (data: Uint8Array, features: number) => binaryen.Module)(bytes, FEATURES);
  } catch (cause) {
    if (isExhausted(cause)) throw cause;
    throw catalogError('catalog.module_malformed', { reason: 'not readable' }, { cause });
  }
  if (wasm.validate() !== 0) return wasm;
  wasm.dispose();
  throw catalogError('catalog.module_malformed', { reason: 'invalid or outside the supported features' });
}

function nameOf(functions: readonly binaryen.FunctionInfo[], index: number): string {
  const fn = functions[index];
  if (fn === undefined) throw catalogError('catalog.module_malformed', { reason: 'no such start function' });
  return fn.name;
}

function callGraph(wasm: binaryen.Module, module: MeteredModule): CallGraph {
  const inTables = Array.from(
    { length: wasm.getNumElementSegments() },
    (_, index) => binaryen.getElementSegmentInfo(wasm.getElementSegmentByIndex(index)).data,
  ).flat();
  assertCount('tableEntries', inTables.length, TABLE_ENTRIES_MAX);
  return new Map<CallNode, ReadonlySet<CallNode>>([...module.calls, [THROUGH_TABLE, new Set(inTables)]]);
}
