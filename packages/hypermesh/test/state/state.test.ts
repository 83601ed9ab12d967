import { createHash } from 'node:crypto';
import { hashLabelled } from '@hypermesh/stoq';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SPENT } from '../../src/machine/machine.ts';
import { AppendOnlyTree, edgeOf, proveInclusion, verifyInclusion } from '../../src/state/append-only-tree.ts';
import { keyOf, MachineState, nameOf, STATE_KEY_BYTES_MAX } from '../../src/state/machine-state.ts';
import { Overlay, STATE_VALUE_BYTES_MAX } from '../../src/state/overlay.ts';
import { SortedKeys } from '../../src/state/sorted-keys.ts';
import {
  EMPTY_HASH,
  proveKey,
  rootHash,
  type StateChange,
  type TreeNode,
  updateTree,
  verifyTreeProof,
} from '../../src/state/sparse-tree.ts';

const utf8 = (text: string): Uint8Array => Buffer.from(text);
const change = (key: string, value: string | null): StateChange => ({
  name: nameOf(utf8(key)),
  value: value === null ? null : utf8(value),
});
const key = fc.string({ maxLength: 3, unit: fc.constantFrom('a', 'b', 'c', '\u00ff') });
const changes = fc.uniqueArray(fc.tuple(key, fc.option(fc.string({ maxLength: 3 }))), { selector: ([name]) => name, maxLength: 12 });

function store(model: Map<string, string | null>, block: readonly [string, string | null][]): void {
  for (const [name, value] of block) {
    if (value === null) model.delete(name);
    else model.set(name, value);
  }
}

describe('sparse Merkle tree', () => {
  test('has a root that depends on the content only', () => {
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 6 }), (blocks) => {
        const content = new Map<string, string | null>();
        let tree: TreeNode | null = null;
        for (const block of blocks) {
          tree = updateTree(
            tree,
            block.map(([name, value]) => change(name, value)),
          );
          store(content, block);
        }
        const fresh = updateTree(
          null,
          [...content].reverse().map(([name, value]) => change(name, value)),
        );
        expect(rootHash(tree)).toEqual(rootHash(fresh));
        if (content.size === 0) expect(rootHash(tree)).toEqual(EMPTY_HASH);
      }),
    );
  });

  test('has the root that its definition gives', () => {
    const hash = (label: string, ...parts: Uint8Array[]): Uint8Array => hashLabelled(label, Buffer.concat(parts));
    type Place = readonly [path: Uint8Array, leaf: Uint8Array];
    const bit = (path: Uint8Array, depth: number): number => (path[depth >> 3]! >> (7 - (depth & 7))) & 1;
    const rootOf = (places: readonly Place[], depth: number): Uint8Array => {
      if (places.length <= 1) return places[0]?.[1] ?? EMPTY_HASH;
      const side = (wanted: number): Uint8Array =>
        rootOf(
          places.filter(([path]) => bit(path, depth) === wanted),
          depth + 1,
        );
      return hash('hypermesh/state-branch/1', side(0), side(1));
    };
    let tree: TreeNode | null = null;
    const places: Place[] = [];
    for (let at = 0; at < 300; at++) {
      const path = hash('hypermesh/state-key/1', utf8(`k${at}`));
      places.push([path, hash('hypermesh/state-leaf/1', path, hash('hypermesh/state-value/1', utf8(`v${at}`)))]);
      tree = updateTree(tree, [change(`k${at}`, `v${at}`)]);
    }
    expect(rootHash(tree)).toEqual(rootOf(places, 0));
    expect(rootHash(updateTree(null, [change('k0', 'v0')]))).toEqual(places[0]![1]);
  });

  test('refuses hashes of another length', () => {
    const tree = updateTree(
      null,
      Array.from({ length: 8 }, (_, at) => change(`k${at}`, 'v')),
    );
    const root = rootHash(tree);
    const proof = proveKey(tree, utf8('k1'));
    const leaf = proof.leaf!;
    expect(verifyTreeProof(root, utf8('k1'), utf8('v'), proof)).toBe(true);
    const longer = (bytes: Uint8Array): Uint8Array => Buffer.concat([bytes, Uint8Array.of(0)]);
    for (const forged of [
      { ...proof, siblings: [...proof.siblings.slice(0, -1), longer(proof.siblings.at(-1)!)] },
      { ...proof, siblings: [...proof.siblings.slice(0, -1), proof.siblings.at(-1)!.slice(1)] },
      { ...proof, leaf: { ...leaf, path: longer(leaf.path) } },
      { ...proof, leaf: { ...leaf, valueHash: longer(leaf.valueHash) } },
    ]) {
      expect(verifyTreeProof(root, utf8('k1'), utf8('v'), forged)).toBe(false);
    }
  });

  test('proves presence and absence, and nothing else', () => {
    for (const size of [0, 1, 2, 3, 17, 100]) {
      const tree = updateTree(
        null,
        Array.from({ length: size }, (_, at) => change(`k${at}`, `v${at}`)),
      );
      const root = rootHash(tree);
      for (let at = 0; at <= size; at++) {
        const name = utf8(`k${at}`);
        const value = at < size ? utf8(`v${at}`) : null;
        const proof = proveKey(tree, name);
        expect(verifyTreeProof(root, name, value, proof)).toBe(true);
        expect(verifyTreeProof(root, name, value === null ? utf8('v') : null, proof)).toBe(false);
        expect(verifyTreeProof(root, name, utf8('other'), proof)).toBe(false);
        expect(verifyTreeProof(utf8('r'.repeat(32)), name, value, proof)).toBe(false);
        if (value !== null) expect(verifyTreeProof(root, utf8('else'), value, proof)).toBe(false);
      }
    }
  });

  test('an absence proof must lie on the path of the key', () => {
    const tree = updateTree(
      null,
      Array.from({ length: 64 }, (_, at) => change(`k${at}`, 'v')),
    );
    const foreign = proveKey(tree, utf8('k1'));
    expect(verifyTreeProof(rootHash(tree), utf8('k2'), null, foreign)).toBe(false);
    const siblings = Array.from({ length: 257 }, () => EMPTY_HASH);
    expect(verifyTreeProof(rootHash(tree), utf8('k2'), null, { siblings, leaf: null })).toBe(false);
  });

  test('earlier roots stay readable', () => {
    const before = updateTree(null, [change('a', '1'), change('b', '2')]);
    const root = rootHash(before);
    updateTree(before, [change('a', null), change('b', 'x')]);
    expect(verifyTreeProof(root, utf8('a'), utf8('1'), proveKey(before, utf8('a')))).toBe(true);
  });
});

describe('append-only tree', () => {
  const leaf = (at: number): Uint8Array => createHash('sha256').update(String(at)).digest();

  test('proves every leaf to every later head', async () => {
    const nodes = new Map<string, Uint8Array>();
    const heads = [];
    let tree = new AppendOnlyTree();
    for (let at = 0; at < 40; at++) {
      const { tree: next, completed } = tree.append([leaf(at)]);
      for (const { level, index, hash } of completed) nodes.set(`${level}/${index}`, hash);
      tree = next;
      heads.push(tree.head);
    }
    expect(tree.head).toEqual(new AppendOnlyTree().append(Array.from({ length: 40 }, (_, at) => leaf(at))).tree.head);
    const read = async (level: number, index: number): Promise<Uint8Array> => nodes.get(`${level}/${index}`)!;
    for (const { size, root } of heads) {
      for (let index = 0; index < size; index++) {
        const proof = await proveInclusion(read, index, size);
        expect(verifyInclusion(leaf(index), proof, root)).toBe(true);
        expect(verifyInclusion(leaf(index + 1), proof, root)).toBe(false);
        expect(verifyInclusion(leaf(index), { ...proof, index: size }, root)).toBe(false);
        expect(verifyInclusion(leaf(index), { ...proof, hashes: [...proof.hashes, leaf(0)] }, root)).toBe(false);
        if (size > 1) expect(verifyInclusion(leaf(index), { ...proof, hashes: proof.hashes.slice(1) }, root)).toBe(false);
      }
    }
  });

  test('an edge has one subtree for each bit of the size', () => {
    expect(edgeOf(0)).toEqual([]);
    expect(edgeOf(13)).toEqual([
      { level: 3, index: 0 },
      { level: 2, index: 2 },
      { level: 0, index: 12 },
    ]);
    expect(edgeOf(2 ** 52 + 1).map(({ level }) => level)).toEqual([52, 0]);
  });
});

describe('ordered keys', () => {
  test('behave as a sorted set, also across chunks', () => {
    const keys = new SortedKeys();
    const model = new Set<string>();
    for (let at = 0; at < 6000; at++) {
      const digest = createHash('sha256')
        .update(String(at % 4000))
        .digest('hex');
      const name = Buffer.from(digest.slice(0, 4), 'hex').toString('latin1');
      if (at % 3 === 2) {
        keys.delete(name);
        model.delete(name);
      } else {
        keys.add(name);
        model.add(name);
      }
    }
    const sorted = [...model].sort();
    expect([...keys.from('')]).toEqual(sorted);
    expect(keys.all()).toEqual(sorted);
    expect([...keys.from('\u0080')]).toEqual(sorted.filter((name) => name >= '\u0080'));
    for (const name of ['', 'a', '\u00fe\u00fe', '\u00ff\u00ff\u00ff', ...sorted.slice(0, 2000)]) {
      expect(keys.first(name)).toBe(sorted.find((other) => other >= name));
      expect(keys.firstAfter(name)).toBe(sorted.find((other) => other > name));
    }
    for (const name of sorted) keys.delete(name);
    expect([...keys.from('')]).toEqual([]);
  });

  test('an iteration goes on after the last key when the set changes', () => {
    const keys = new SortedKeys();
    for (const name of ['a', 'b', 'd', 'e']) keys.add(name);
    const seen: string[] = [];
    for (const name of keys.from('a')) {
      seen.push(name);
      if (name === 'b') {
        keys.delete('b');
        keys.delete('d');
        keys.add('c');
        keys.add('a0');
      }
    }
    expect(seen).toEqual(['a', 'b', 'c', 'e']);
  });
});

describe('overlay', () => {
  const read = (state: { scan(prefix: Uint8Array): Iterable<readonly [Uint8Array, Uint8Array]> }, prefix: string): string[] =>
    [...state.scan(Buffer.from(prefix, 'latin1'))].map(
      ([name, value]) => `${Buffer.from(name).toString('latin1')}=${Buffer.from(value).toString()}`,
    );

  test('reads as if its writes were made, and undoes them', () => {
    fc.assert(
      fc.property(changes, changes, changes, key, (base, kept, undone, prefix) => {
        const state = new MachineState();
        const toChange = ([name, value]: [string, string | null]): StateChange => ({
          name,
          value: value === null ? null : utf8(value),
        });
        state.adopt(state.prepare(base.map(toChange)));
        const overlay = new Overlay(state);
        const model = new Map(base.filter(([, value]) => value !== null));
        const write = (block: readonly [string, string | null][]): void => {
          for (const entry of block) {
            const { name, value } = toChange(entry);
            if (value === null) overlay.delete(keyOf(name));
            else overlay.set(keyOf(name), value);
          }
        };
        write(kept);
        store(model, kept);
        const mark = overlay.mark();
        write(undone);
        overlay.undoTo(mark);
        const expected = [...model]
          .filter(([name]) => name.startsWith(prefix))
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, value]) => `${name}=${value}`);
        expect(read(overlay, prefix)).toEqual(expected);
        const untouched = read(state, prefix);
        const prepared = state.prepare(overlay.changes());
        expect(read(state, prefix)).toEqual(untouched);
        state.adopt(prepared);
        expect(read(state, prefix)).toEqual(expected);
      }),
    );
  });

  test('keeps nothing of what it wrote and deleted that a scan would walk over', () => {
    class Counting extends Overlay {
      gets = 0;
      override get(name: Uint8Array): Uint8Array | undefined {
        this.gets += 1;
        return super.get(name);
      }
    }
    const overlay = new Counting(new MachineState());
    for (let at = 0; at < 100; at++) overlay.set(utf8(`k${at}`), utf8('v'));
    for (let at = 1; at < 100; at++) overlay.delete(utf8(`k${at}`));
    overlay.gets = 0;
    expect(read(overlay, 'k')).toEqual(['k0=v']);
    expect(overlay.gets).toBe(1);
  });

  test('leaves what was spent when it undoes the rest', () => {
    const overlay = new Overlay(new MachineState());
    const mark = overlay.mark();
    overlay.set(utf8(`${SPENT}/`), utf8('1'));
    overlay.set(utf8(`${SPENT}other`), utf8('2'));
    overlay.undoTo(mark);
    expect(read(overlay, '')).toEqual([`${SPENT}/=1`]);
    expect(overlay.changes()).toEqual([{ name: `${SPENT}/`, value: new Uint8Array(utf8('1')) }]);
  });

  test('sees writes further on during a scan', () => {
    const state = new MachineState();
    state.adopt(state.prepare([change('a', '1'), change('c', '3'), change('d', '4')]));
    const overlay = new Overlay(state);
    const seen: string[] = [];
    for (const [name] of overlay.scan(utf8(''))) {
      seen.push(Buffer.from(name).toString());
      if (seen.length === 1) {
        overlay.set(utf8('b'), utf8('2'));
        overlay.delete(utf8('c'));
        overlay.set(utf8('0'), utf8(''));
      }
    }
    expect(seen).toEqual(['a', 'b', 'd']);
  });

  test('limits keys and values, and copies them', () => {
    const overlay = new Overlay(new MachineState());
    const limit = expect.objectContaining({ code: 'hypermesh.state_limit' });
    expect(() => overlay.set(new Uint8Array(STATE_KEY_BYTES_MAX + 1), utf8(''))).toThrow(limit);
    expect(() => overlay.set(utf8('k'), new Uint8Array(STATE_VALUE_BYTES_MAX + 1))).toThrow(limit);
    const name = new Uint8Array(STATE_KEY_BYTES_MAX);
    const value = utf8('v');
    overlay.set(name, value);
    name.fill(1);
    value[0] = 0;
    expect(overlay.get(new Uint8Array(STATE_KEY_BYTES_MAX))).toEqual(Uint8Array.from(utf8('v')));
    expect(overlay.get(name)).toBeUndefined();
    expect(overlay.changes()).toEqual([{ name: '\0'.repeat(STATE_KEY_BYTES_MAX), value: Uint8Array.from(utf8('v')) }]);
    expect(overlay.get(new Uint8Array(STATE_KEY_BYTES_MAX + 1))).toBeUndefined();
  });
});
