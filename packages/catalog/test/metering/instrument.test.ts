import { CALL_DEPTH_MAX, recursiveFunctions } from '@hypermesh/catalog';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallNode, THROUGH_TABLE } from '../../src/metering/call-graph.ts';
import { instrument } from '../../src/metering/instrument.ts';
import { TABLE_ENTRIES_MAX } from '../../src/module/limits.ts';
import { moduleOf, tableModule } from '../guests/modules.ts';

interface Exports {
  readonly [name: string]: unknown;
  readonly __fuel: WebAssembly.Global;
}

function load(text: string, fuel = 1_000_000n): Exports {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(instrument(moduleOf(text))), {});
  (exports as Exports).__fuel.value = fuel;
  return exports as Exports;
}

function call(exports: Exports, name: string, ...parameters: number[]): unknown {
  return (exports[name] as (...values: number[]) => unknown)(...parameters);
}

const SUM = `(module (memory 1) (func (export "sum") (param $n i32) (result i32) (local $s i32)
  (block $done (loop $next (br_if $done (i32.eqz (local.get $n)))
    (local.set $s (i32.add (local.get $s) (local.get $n)))
    (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br $next))) (local.get $s)))`;

const BRANCHES = `(module (memory 1) (func (export "pick") (param $n i32) (result i32)
  (if (result i32) (i32.gt_s (local.get $n) (i32.const 3))
    (then ${'(i32.add (i32.const 1) '.repeat(8)}(i32.mul (i32.add (i32.mul (local.get $n) (local.get $n)) (i32.mul (local.get $n) (i32.const 3)))
      (i32.add (i32.mul (local.get $n) (local.get $n)) (i32.sub (i32.mul (local.get $n) (i32.const 7)) (i32.rem_s (local.get $n) (i32.const 2))))))${')'.repeat(8)}
    (else (return (i32.const 5))))))`;

const RECURSION = `(module (memory 1) (func $down (export "down") (param $n i32) (result i32)
  (if (result i32) (i32.eqz (local.get $n)) (then (i32.const 0)) (else (i32.add (i32.const 1) (call $down (i32.sub (local.get $n) (i32.const 1))))))))`;

const MUTUAL = `(module (memory 1) (table 2 funcref) (elem (i32.const 0) $ping $pong) (type $t (func (param i32)))
  (func $ping (type $t) (if (local.get 0) (then (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)))))
  (func $pong (type $t) (if (local.get 0) (then (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
  (func (export "go") (param i32) (call $ping (local.get 0))))`;

const BULK = `(module (memory (export "memory") 1) (data $d "abcdefgh")
  (func (export "fill") (param i32) (memory.fill (i32.const 0) (i32.const 7) (local.get 0)))
  (func (export "copy") (param i32) (memory.copy (i32.const 0) (i32.const 8) (local.get 0)))
  (func (export "init") (param i32) (memory.init $d (i32.const 0) (i32.const 0) (local.get 0)) (data.drop $d))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size)))`;

const NAN = `(module (memory (export "memory") 1)
  (func (export "store64") (f64.store (i32.const 0) (f64.reinterpret_i64 (i64.const 0x7ff800000000dead))))
  (func (export "store32") (f32.store (i32.const 8) (f32.reinterpret_i32 (i32.const 0x7fc0dead))))
  (func (export "bits") (result i32) (i32.reinterpret_f32 (f32.reinterpret_i32 (i32.const 0x7fc0dead))))
  (func (export "sign") (result f64) (f64.copysign (f64.const 1) (f64.reinterpret_i64 (i64.const 0xfff8000000000000))))
  (func (export "pick") (param i32) (result i32) (select (i32.const 1) (i32.const 2) (local.get 0)))
  (func (export "table") (param i32) (result i32) (block $b (block $a (br_table $a $b (local.get 0))) (return (i32.const 10))) (i32.const 20)))`;

const START = `(module (memory 1) (global $n (mut i32) (i32.const 0))
  (func $count (loop $next (global.set $n (i32.add (global.get $n) (i32.const 1))) (br_if $next (i32.lt_u (global.get $n) (i32.const 1000)))))
  (start $count) (func (export "_start") (global.set $n (i32.add (global.get $n) (i32.const 1)))) (func (export "count") (result i32) (global.get $n)))`;

const STEP = `(br_if $done (i32.eqz (local.get $n)))${'(local.set $s (i32.add (local.get $s) (i32.rem_u (local.get $n) (i32.const 4))))'.repeat(7)}`;
const SEGMENTS = `(module (memory 1) (func (export "run") (param $n i32) (result i32) (local $s i32)
  (block $done ${STEP} (local.set $s (i32.mul (local.get $s) (i32.const 1))) (br_if $done (i32.eqz (local.get $n))) ${'(nop)'.repeat(9)}) (local.get $s)))`;

function crowded(entries: number): Uint8Array {
  return moduleOf(`(module (table ${entries} funcref) (func $f) (elem (i32.const 0) ${'$f '.repeat(entries)}))`);
}

describe('instrument', () => {
  it('keeps results, and charges the same fuel on every run', () => {
    const first = load(SUM);
    expect(call(first, 'sum', 100)).toBe(5_050);
    const used = 1_000_000n - (first.__fuel.value as bigint);
    const second = load(SUM);
    call(second, 'sum', 100);
    expect(1_000_000n - (second.__fuel.value as bigint)).toBe(used);
    expect(used > 300n && used < 3_000n).toBe(true);
  });

  it('charges in proportion to the work and traps when the fuel is used up', () => {
    const fuelOf = (n: number): bigint => {
      const exports = load(SUM);
      call(exports, 'sum', n);
      return 1_000_000n - (exports.__fuel.value as bigint);
    };
    expect(fuelOf(2_000) - fuelOf(1_000)).toBe(fuelOf(3_000) - fuelOf(2_000));
    expect(() => call(load(SUM, 500n), 'sum', 10_000)).toThrow(/unreachable/u);
  });

  it('charges the arm that is taken', () => {
    const exports = load(BRANCHES);
    expect(call(exports, 'pick', 2)).toBe(5);
    const cheap = 1_000_000n - (exports.__fuel.value as bigint);
    expect(call(exports, 'pick', 4)).toBe(8 + (16 + 12) * (16 + 28));
    expect(1_000_000n - (exports.__fuel.value as bigint) - cheap - cheap).toBeGreaterThan(12n);
  });

  it('bounds recursion at the same depth everywhere, through tables too', () => {
    expect(call(load(RECURSION), 'down', CALL_DEPTH_MAX - 1)).toBe(CALL_DEPTH_MAX - 1);
    expect(() => call(load(RECURSION), 'down', CALL_DEPTH_MAX)).toThrow(/unreachable/u);
    expect(() => call(load(MUTUAL), 'go', 3_000)).toThrow(/unreachable/u);
    expect(call(load(MUTUAL), 'go', 900)).toBeUndefined();
  });

  it('charges bulk memory instructions by their size', () => {
    const fuelOf = (name: string, size: number): number => {
      const exports = load(BULK);
      call(exports, name, size);
      return 1_000_000 - Number(exports.__fuel.value as bigint);
    };
    expect(fuelOf('fill', 32_000) - fuelOf('fill', 16_000)).toBe(1_000);
    expect(fuelOf('copy', 32_000) - fuelOf('copy', 16_000)).toBe(1_000);
    expect(fuelOf('init', 8)).toBeGreaterThan(0);
    expect(fuelOf('grow', 2) - fuelOf('grow', 1)).toBe(16_384);
    expect(call(load(BULK), 'size')).toBe(1);
    expect(() => call(load(BULK), 'grow', -1)).toThrow(/unreachable/u);
  });

  it('takes time in proportion to a module whose functions all call through a full table', () => {
    const functions = 9_000;
    const metered = instrument(tableModule(functions));
    expect(metered.length).toBeLessThan(functions * 100);
  });

  it('puts each charge of a long block before what it pays for', () => {
    const exports = load(SEGMENTS);
    expect(call(exports, 'run', 3)).toBe(3 * 7);
    const whole = 1_000_000n - (exports.__fuel.value as bigint);
    expect(call(load(SEGMENTS), 'run', 0)).toBe(0);
    expect(() => call(load(SEGMENTS, whole - 1n), 'run', 3)).toThrow(/unreachable/u);
  });

  it('runs and charges a start function when the entry is called, not before', () => {
    const exports = load(START, 100n);
    expect(call(exports, 'count')).toBe(0);
    expect(() => call(exports, '_start')).toThrow(/unreachable/u);
    const richer = load(START);
    call(richer, '_start');
    expect(call(richer, 'count')).toBe(1_001);
    expect(1_000_000n - (richer.__fuel.value as bigint)).toBeGreaterThan(5_000n);
  });

  it('shows only the canonical NaN', () => {
    const exports = load(NAN);
    call(exports, 'store64');
    call(exports, 'store32');
    const view = new DataView((exports.memory as WebAssembly.Memory).buffer);
    expect(view.getBigUint64(0, true)).toBe(0x7ff8000000000000n);
    expect(view.getUint32(8, true)).toBe(0x7fc00000);
    expect(call(exports, 'bits')).toBe(0x7fc00000);
    expect(call(exports, 'sign')).toBe(1);
    expect([call(exports, 'pick', 1), call(exports, 'table', 0), call(exports, 'table', 1)]).toEqual([1, 10, 20]);
  });

  const refused: [name: string, module: Uint8Array, code: string][] = [
    ['bytes that are no module', new Uint8Array([1, 2, 3]), 'catalog.module_malformed'],
    ['threads', moduleOf(`(module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))`), 'catalog.module_malformed'],
    ['vectors', moduleOf(`(module (memory 1) (func (drop (v128.const i32x4 0 0 0 0))))`), 'catalog.module_malformed'],
    ['a start function without an entry', moduleOf('(module (func $s) (start $s))'), 'catalog.module_entry'],
    ['more table entries than allowed', crowded(TABLE_ENTRIES_MAX + 1), 'catalog.module_too_complex'],
    ['references', moduleOf(`(module (memory 1) (func (drop (ref.null func))))`), 'catalog.module_unmetered'],
  ];
  it.each(refused)('refuses %s', (_name, module, code) => {
    expect(() => instrument(module)).toThrow(expect.objectContaining({ code }));
  });
});

describe('recursiveFunctions', () => {
  it('finds every function that reaches itself', () => {
    const names = ['a', 'b', 'c', 'd', THROUGH_TABLE];
    const edges = fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)), { maxLength: 12 });
    fc.assert(
      fc.property(edges, (pairs) => {
        const graph = new Map(names.map((name) => [name, new Set(pairs.filter(([from]) => from === name).map(([, to]) => to))]));
        const reaches = (from: CallNode, to: CallNode, seen = new Set<CallNode>()): boolean =>
          [...graph.get(from)!].some((next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))));
        expect(recursiveFunctions(graph)).toEqual(new Set(names.filter((name) => name !== THROUGH_TABLE && reaches(name, name))));
      }),
    );
  });

  it('walks a graph far deeper than the stack', () => {
    const graph = new Map(Array.from({ length: 50_000 }, (_, i) => [`f${i}`, new Set([`f${i + 1}`])]));
    graph.set('f50000', new Set(['f0']));
    expect(recursiveFunctions(graph).size).toBe(50_001);
  });
});
