import binaryen from 'binaryen';
import { catalogError } from '../errors.ts';
import type { CallNode } from './call-graph.ts';
import { FUEL_EXPORT } from './limits.ts';
import { type Expression, type ExpressionInfo, type ExpressionKind, tree } from './expressions.ts';

const DEPTH_GLOBAL = '__depth';

// Fuel of one page (64 KiB) that memory.grow adds: as dear as touching it.
const FUEL_PER_PAGE = 16_384n;

// Bulk memory instructions cost one unit for each 16 bytes.
const BULK_SHIFT = 4;

/** A module under instrumentation: the helpers that charge fuel, canonicalise NaN and count depth. */
export class MeteredModule {
  readonly wasm: binaryen.Module;
  /** Calls by function. */
  readonly calls: Map<CallNode, Set<CallNode>> = new Map();
  readonly #imported: ReadonlySet<string>;

  constructor(wasm: binaryen.Module, imported: ReadonlySet<string>, limits: { callDepthMax: number }) {
    this.wasm = wasm;
    this.#imported = imported;
    wasm.addGlobal(FUEL_EXPORT, binaryen.i64, true, i64(wasm, 0n));
    wasm.addGlobalExport(FUEL_EXPORT, FUEL_EXPORT);
    wasm.addGlobal(DEPTH_GLOBAL, binaryen.i32, true, wasm.i32.const(limits.callDepthMax));
    this.#addSizeBurner('__burn_bulk', (size) => wasm.i64.extend_u(wasm.i32.shr_u(size, wasm.i32.const(BULK_SHIFT))));
    this.#addSizeBurner('__burn_grow', (pages) => wasm.i64.mul(wasm.i64.extend_u(pages), i64(wasm, FUEL_PER_PAGE)));
    this.#addCanonicalNan('__nan_f32', binaryen.f32, wasm.f32, wasm.f32.reinterpret(wasm.i32.const(0x7fc00000)));
    this.#addCanonicalNan('__nan_f64', binaryen.f64, wasm.f64, wasm.f64.reinterpret(i64(wasm, 0x7ff8000000000000n)));
  }

  /** An expression that pays `fuel` or traps. */
  charge(fuel: number): Expression {
    return this.wasm.block(null, this.#burn(i64(this.wasm, BigInt(fuel))));
  }

  chargedBefore(fuel: number, expression: Expression): Expression {
    return this.wasm.block(null, [this.charge(fuel), expression], binaryen.getExpressionType(expression));
  }

  recordCall(caller: string, callee: CallNode, isTailCall: boolean): void {
    if (isTailCall) throw catalogError('catalog.module_unmetered', { instruction: 'return_call' });
    const known = this.calls.get(caller) ?? new Set();
    known.add(callee);
    this.calls.set(caller, known);
  }

  /** Sizes decide what bulk instructions cost; NaN bits become canonical wherever a guest or host could see them. */
  guardOperands(kind: ExpressionKind, expression: Expression, info: ExpressionInfo): void {
    const burnBulk = (size: Expression): Expression => this.wasm.call('__burn_bulk', [size], binaryen.i32);
    switch (kind) {
      case 'MemoryFill':
        return tree.MemoryFill.setSize(expression, burnBulk(info.size as Expression));
      case 'MemoryCopy':
        return tree.MemoryCopy.setSize(expression, burnBulk(info.size as Expression));
      case 'MemoryInit':
        return tree.MemoryInit.setSize(expression, burnBulk(info.size as Expression));
      case 'MemoryGrow':
        return tree.MemoryGrow.setDelta(expression, this.wasm.call('__burn_grow', [info.delta as Expression], binaryen.i32));
      case 'Store':
        return tree.Store.setValue(expression, this.#canonical(info.value as Expression));
      case 'Unary':
        if (info.op === binaryen.ReinterpretFloat32 || info.op === binaryen.ReinterpretFloat64) {
          tree.Unary.setValue(expression, this.#canonical(info.value as Expression));
        }
        return undefined;
      case 'Binary':
        if (info.op === binaryen.CopySignFloat32 || info.op === binaryen.CopySignFloat64) {
          tree.Binary.setRight(expression, this.#canonical(info.right as Expression));
        }
        return undefined;
      case 'Call':
        if (this.#imported.has(info.target as string)) {
          (info.operands as Expression[]).forEach((operand, index) => {
            tree.Call.setOperandAt(expression, index, this.#canonical(operand));
          });
        }
        return undefined;
      default:
        return undefined;
    }
  }

  /** Moves the body of a recursive function behind a guard: V8's own stack limit differs from run to run. */
  guardDepth(fn: binaryen.FunctionInfo, body: Expression): void {
    const { wasm } = this;
    const inner = `${fn.name}$inner`;
    wasm.addFunction(inner, fn.params, fn.results, fn.vars, body);
    wasm.removeFunction(fn.name);
    const parameters = binaryen.expandType(fn.params);
    const call = wasm.call(
      inner,
      parameters.map((type, index) => wasm.local.get(index, type)),
      fn.results,
    );
    const depth = (): Expression => wasm.global.get(DEPTH_GLOBAL, binaryen.i32);
    const move = (by: number): Expression => wasm.global.set(DEPTH_GLOBAL, wasm.i32.add(depth(), wasm.i32.const(by)));
    const exhausted = wasm.if(wasm.i32.lt_s(depth(), wasm.i32.const(0)), wasm.unreachable());
    const returns = fn.results !== binaryen.none;
    const result = parameters.length;
    const steps = returns
      ? [move(-1), exhausted, wasm.local.set(result, call), move(1), wasm.local.get(result, fn.results)]
      : [move(-1), exhausted, call, move(1)];
    wasm.addFunction(fn.name, fn.params, fn.results, returns ? [fn.results] : [], wasm.block(null, steps, fn.results));
  }

  /**
   * Calls the start function at the beginning of the entry instead of at instantiation: there it would run before the host
   * can set the fuel, and without end.
   */
  startInEntry(start: string, entry: string): void {
    const { wasm } = this;
    const exported = wasm.getExport(entry);
    if (exported === 0) throw catalogError('catalog.module_entry', { missing: entry });
    const { value } = binaryen.getExportInfo(exported);
    const call = (name: string): Expression => wasm.call(name, [], binaryen.none);
    wasm.addFunction('__entry', binaryen.none, binaryen.none, [], wasm.block(null, [this.charge(2), call(start), call(value)]));
    wasm.removeExport(entry);
    wasm.addFunctionExport('__entry', entry);
  }

  #fuel(): Expression {
    return this.wasm.global.get(FUEL_EXPORT, binaryen.i64);
  }

  #burn(amount: Expression): Expression[] {
    const { wasm } = this;
    return [
      wasm.global.set(FUEL_EXPORT, wasm.i64.sub(this.#fuel(), amount)),
      wasm.if(wasm.i64.lt_s(this.#fuel(), i64(wasm, 0n)), wasm.unreachable()),
    ];
  }

  #addSizeBurner(name: string, cost: (size: Expression) => Expression): void {
    const { wasm } = this;
    const size = (): Expression => wasm.local.get(0, binaryen.i32);
    const body = wasm.block(null, [...this.#burn(cost(size())), size()], binaryen.i32);
    wasm.addFunction(name, binaryen.createType([binaryen.i32]), binaryen.i32, [], body);
  }

  #addCanonicalNan(name: string, type: number, operations: { eq(a: Expression, b: Expression): Expression }, nan: Expression): void {
    const { wasm } = this;
    const value = (): Expression => wasm.local.get(0, type);
    wasm.addFunction(name, binaryen.createType([type]), type, [], wasm.select(operations.eq(value(), value()), value(), nan));
  }

  #canonical(expression: Expression): Expression {
    const type = binaryen.getExpressionType(expression);
    if (type === binaryen.f32) return this.wasm.call('__nan_f32', [expression], type);
    if (type === binaryen.f64) return this.wasm.call('__nan_f64', [expression], type);
    return expression;
  }
}

function i64(wasm: binaryen.Module, value: bigint): Expression {
  return (wasm.i64 as unknown as { const(value: bigint): Expression }).const(value);
}
