import binaryen from 'binaryen';
import { catalogError } from '../errors.ts';
import { recursiveFunctions } from './call-graph.ts';
import { chargeBody } from './charge.ts';
import { tree } from './expressions.ts';
import { CALL_DEPTH_MAX, FUEL_AT_START } from './limits.ts';
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

/**
 * Rewrites a module so that it pays fuel for what it runs: the count is the same on every run and machine. Refuses modules outside the
 * allowed features. Do not optimise the result: the optimiser undoes the placement of the charges.
 */
export function instrument(bytes: Uint8Array): Uint8Array {
  const wasm = read(bytes);
  try {
    const functions = Array.from({ length: wasm.getNumFunctions() }, (_, index) =>
      binaryen.getFunctionInfo(wasm.getFunctionByIndex(index)),
    );
    const isImport = (fn: binaryen.FunctionInfo): boolean => Boolean(fn.module);
    const imported = new Set(functions.filter(isImport).map((fn) => fn.name));
    const defined = functions.filter((fn) => !isImport(fn));
    const module = new MeteredModule(wasm, imported, { fuelAtStart: FUEL_AT_START, callDepthMax: CALL_DEPTH_MAX });
    const fuelOf = new Map(defined.map((fn) => [fn.name, chargeBody(module, fn.name, fn.body)]));
    const recursive = recursiveFunctions(callGraph(wasm, module, defined));
    for (const fn of defined) {
      // Two more for the call and the return.
      const body = module.chargedBefore((fuelOf.get(fn.name) as number) + 2, fn.body);
      tree.Function.setBody(wasm.getFunction(fn.name), body);
      if (recursive.has(fn.name)) module.guardDepth(fn, body);
    }
    if (wasm.validate() === 0) throw catalogError('catalog.module_malformed', { reason: 'not valid after metering' });
    return wasm.emitBinary();
  } finally {
    wasm.dispose();
  }
}

function read(bytes: Uint8Array): binaryen.Module {
  let wasm: binaryen.Module;
  try {
    wasm = (binaryen.readBinary as (data: Uint8Array, features: number) => binaryen.Module)(bytes, FEATURES);
  } catch (cause) {
    throw catalogError('catalog.module_malformed', { reason: 'not readable' }, { cause });
  }
  if (wasm.validate() !== 0) return wasm;
  wasm.dispose();
  throw catalogError('catalog.module_malformed', { reason: 'invalid or outside the supported features' });
}

function callGraph(wasm: binaryen.Module, module: MeteredModule, defined: readonly binaryen.FunctionInfo[]): Map<string, Set<string>> {
  const own = new Set(defined.map((fn) => fn.name));
  const inTables = Array.from(
    { length: wasm.getNumElementSegments() },
    (_, index) => binaryen.getElementSegmentInfo(wasm.getElementSegmentByIndex(index)).data,
  ).flat();
  return new Map(
    defined.map((fn) => {
      const callees = [...(module.calls.get(fn.name) ?? [])].flatMap((callee) => (callee === null ? inTables : [callee]));
      return [fn.name, new Set(callees.filter((callee) => own.has(callee)))];
    }),
  );
}
