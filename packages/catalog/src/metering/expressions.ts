import binaryen from 'binaryen';
import { catalogError } from '../errors.ts';

/** Field names under which the expressions of one kind hold their operands; `*` marks a list. */
const OPERANDS: Readonly<Record<ExpressionKind, readonly string[]>> = {
  Block: ['children*'],
  If: ['condition', 'ifTrue', 'ifFalse'],
  Loop: ['body'],
  Break: ['condition', 'value'],
  Switch: ['condition', 'value'],
  Call: ['operands*'],
  CallIndirect: ['target', 'operands*'],
  LocalGet: [],
  LocalSet: ['value'],
  GlobalGet: [],
  GlobalSet: ['value'],
  Load: ['ptr'],
  Store: ['ptr', 'value'],
  Const: [],
  Unary: ['value'],
  Binary: ['left', 'right'],
  Select: ['ifTrue', 'ifFalse', 'condition'],
  Drop: ['value'],
  Return: ['value'],
  Nop: [],
  Unreachable: [],
  MemorySize: [],
  MemoryGrow: ['delta'],
  MemoryInit: ['dest', 'offset', 'size'],
  DataDrop: [],
  MemoryCopy: ['dest', 'source', 'size'],
  MemoryFill: ['dest', 'value', 'size'],
};

export type ExpressionKind =
  | 'Block'
  | 'If'
  | 'Loop'
  | 'Break'
  | 'Switch'
  | 'Call'
  | 'CallIndirect'
  | 'LocalGet'
  | 'LocalSet'
  | 'GlobalGet'
  | 'GlobalSet'
  | 'Load'
  | 'Store'
  | 'Const'
  | 'Unary'
  | 'Binary'
  | 'Select'
  | 'Drop'
  | 'Return'
  | 'Nop'
  | 'Unreachable'
  | 'MemorySize'
  | 'MemoryGrow'
  | 'MemoryInit'
  | 'DataDrop'
  | 'MemoryCopy'
  | 'MemoryFill';

/** Handle of an expression inside binaryen. */
export type Expression = number;

/** What binaryen tells of an expression; the published types lack several kinds. */
export type ExpressionInfo = Readonly<Record<string, unknown>>;

/** The parts of binaryen's API that its type declarations omit. */
export interface BinaryenTree {
  readonly Loop: { setBody(expression: Expression, body: Expression): void };
  readonly If: {
    setIfTrue(expression: Expression, arm: Expression): void;
    setIfFalse(expression: Expression, arm: Expression): void;
  };
  readonly Block: {
    setChildAt(expression: Expression, index: number, child: Expression): void;
    appendChild(expression: Expression, child: Expression): void;
  };
  readonly Call: { setOperandAt(expression: Expression, index: number, operand: Expression): void };
  readonly Store: { setValue(expression: Expression, value: Expression): void };
  readonly Unary: { setValue(expression: Expression, value: Expression): void };
  readonly Binary: { setRight(expression: Expression, right: Expression): void };
  readonly MemoryGrow: { setDelta(expression: Expression, delta: Expression): void };
  readonly MemoryFill: { setSize(expression: Expression, size: Expression): void };
  readonly MemoryCopy: { setSize(expression: Expression, size: Expression): void };
  readonly MemoryInit: { setSize(expression: Expression, size: Expression): void };
  readonly Function: { setBody(fn: number, body: Expression): void };
}

export const tree: BinaryenTree = binaryen as unknown as BinaryenTree;

const KIND_OF_ID: ReadonlyMap<number, ExpressionKind> = new Map(
  (Object.keys(OPERANDS) as ExpressionKind[]).map((kind) => [(binaryen as unknown as Record<string, number>)[`${kind}Id`] as number, kind]),
);

/** Throws `catalog.module_unmetered` for an instruction that has no cost here. */
export function kindOf(expression: Expression): ExpressionKind {
  const kind = KIND_OF_ID.get(binaryen.getExpressionId(expression));
  if (kind === undefined) throw catalogError('catalog.module_unmetered', { instruction: binaryen.getExpressionId(expression) });
  return kind;
}

/** Binaryen knows no fields of some expressions without operands, so those have none here. */
export function infoOf(expression: Expression): ExpressionInfo {
  if (OPERANDS[kindOf(expression)].length === 0) return {};
  return binaryen.getExpressionInfo(expression) as unknown as ExpressionInfo;
}

/** The operands in evaluation order. */
export function operandsOf(kind: ExpressionKind, info: ExpressionInfo): readonly Expression[] {
  return OPERANDS[kind].flatMap((field) => {
    if (field.endsWith('*')) return info[field.slice(0, -1)] as Expression[];
    const operand = info[field] as Expression;
    return operand === 0 || operand === undefined ? [] : [operand];
  });
}
