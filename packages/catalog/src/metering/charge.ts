import { THROUGH_TABLE } from './call-graph.ts';
import { type Expression, infoOf, kindOf, operandsOf, tree } from './expressions.ts';
import type { MeteredModule } from './metered-module.ts';

/** What one region costs, as seen from the region around it. */
interface Cost {
  /** Fuel that the enclosing region pays before it runs. */
  readonly fuel: number;
  /** Control may leave inside, so what follows must pay for itself. */
  readonly leaves: boolean;
  /** How much of `fuel` was folded in although it may be skipped. */
  readonly folded: number;
}

// Regions cheaper than this are paid by the region around them: fewer checks, at most this much overcharged.
const FOLD_FUEL_MAX = 12;

// Cost nothing at run time, or are part of the instruction that uses them.
const FREE: ReadonlySet<string> = new Set(['Block', 'Nop', 'Const', 'LocalGet', 'Drop']);

/**
 * Inserts into one function body the charges for its inner regions and answers the fuel of the outermost one.
 * Fuel is charged before the region runs, so a guest can never run ahead of its budget.
 */
export function chargeBody(module: MeteredModule, functionName: string, body: Expression): number {
  return charge(module, functionName, body).fuel;
}

function charge(module: MeteredModule, functionName: string, expression: Expression): Cost {
  const kind = kindOf(expression);
  const own = FREE.has(kind) ? 0 : 1;
  switch (kind) {
    case 'Loop':
      return chargeLoop(module, functionName, expression, own);
    case 'If':
      return chargeIf(module, functionName, expression, own);
    case 'Block':
      return chargeBlock(module, functionName, expression, own);
    default:
      return chargePlain(module, functionName, expression, own);
  }
}

function chargeLoop(module: MeteredModule, functionName: string, loop: Expression, own: number): Cost {
  const body = infoOf(loop).body as Expression;
  const inner = charge(module, functionName, body);
  tree.Loop.setBody(loop, module.chargedBefore(inner.fuel + 1, body));
  return { fuel: own, leaves: true, folded: 0 };
}

function chargeIf(module: MeteredModule, functionName: string, branch: Expression, own: number): Cost {
  const info = infoOf(branch);
  const condition = charge(module, functionName, info.condition as Expression);
  const arms = (['ifTrue', 'ifFalse'] as const).map((side): Cost => {
    const arm = info[side] as Expression;
    if (arm === 0 || arm === undefined) return { fuel: 0, leaves: false, folded: 0 };
    const cost = charge(module, functionName, arm);
    if (cost.fuel < FOLD_FUEL_MAX) return cost;
    const charged = module.chargedBefore(cost.fuel, arm);
    if (side === 'ifTrue') tree.If.setIfTrue(branch, charged);
    else tree.If.setIfFalse(branch, charged);
    return { fuel: 0, leaves: true, folded: 0 };
  });
  const [whenTrue, whenFalse] = arms as [Cost, Cost];
  return {
    fuel: own + condition.fuel + Math.max(whenTrue.fuel, whenFalse.fuel),
    leaves: condition.leaves || whenTrue.leaves || whenFalse.leaves,
    folded: condition.folded + whenTrue.folded + whenFalse.folded,
  };
}

/** A block is cut into segments after each child that control may leave; each later segment pays for itself. */
function chargeBlock(module: MeteredModule, functionName: string, block: Expression, own: number): Cost {
  const children = infoOf(block).children as Expression[];
  const segments = [{ at: 0, fuel: 0 }];
  let folded = 0;
  let leaves = false;
  children.forEach((child, index) => {
    const cost = charge(module, functionName, child);
    (segments.at(-1) as { fuel: number }).fuel += cost.fuel;
    folded += cost.folded;
    if (!cost.leaves) return;
    leaves = true;
    if (index + 1 < children.length) segments.push({ at: index + 1, fuel: 0 });
  });
  const charges = new Map<number, Expression>();
  for (let i = segments.length - 1; i > 0; i--) {
    const { at, fuel } = segments[i] as { at: number; fuel: number };
    if (fuel + folded < FOLD_FUEL_MAX) {
      (segments[i - 1] as { fuel: number }).fuel += fuel;
      folded += fuel;
    } else if (fuel > 0) {
      charges.set(at, module.charge(fuel));
    }
  }
  insertBefore(block, children, charges);
  return { fuel: own + (segments[0] as { fuel: number }).fuel, leaves, folded };
}

/** Each child is moved once: inserting one by one would move all that follow each time. */
function insertBefore(block: Expression, children: readonly Expression[], inserted: ReadonlyMap<number, Expression>): void {
  if (inserted.size === 0) return;
  const all = children.flatMap((child, index) => {
    const before = inserted.get(index);
    return before === undefined ? [child] : [before, child];
  });
  all.forEach((child, index) => {
    if (index < children.length) tree.Block.setChildAt(block, index, child);
    else tree.Block.appendChild(block, child);
  });
}

function chargePlain(module: MeteredModule, functionName: string, expression: Expression, own: number): Cost {
  const kind = kindOf(expression);
  const info = infoOf(expression);
  let fuel = own;
  let leaves = kind === 'Break' || kind === 'Switch' || kind === 'Return';
  let folded = 0;
  for (const operand of operandsOf(kind, info)) {
    const cost = charge(module, functionName, operand);
    fuel += cost.fuel;
    leaves ||= cost.leaves;
    folded += cost.folded;
  }
  if (kind === 'Call' || kind === 'CallIndirect') {
    module.recordCall(functionName, kind === 'Call' ? (info.target as string) : THROUGH_TABLE, info.isReturn === true);
  }
  module.guardOperands(kind, expression, info);
  return { fuel, leaves, folded };
}
