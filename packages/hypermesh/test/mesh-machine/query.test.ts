import { encode } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ARG_COUNT_MAX, ARG_LENGTH_MAX, ENV_COUNT_MAX, ENV_VALUE_LENGTH_MAX } from '../../src/mesh-machine/limits.ts';
import { APP_PAGE_BYTES_MIN, MESH_QUERIES } from '../../src/mesh-machine/query.ts';
import { appSpec, found, type Founded, World } from './fixture.ts';

let founded: Founded;
beforeAll(async () => {
  founded = await found();
});
afterAll(() => founded.crypto.close());

// The largest character in UTF-8 that is one unit of text.
const WIDE = '\u{ffff}';
const LARGE = {
  env: Array.from({ length: ENV_COUNT_MAX }, (_, at) => ({ name: `V${10 + at}`, value: WIDE.repeat(ENV_VALUE_LENGTH_MAX) })),
  args: Array.from({ length: ARG_COUNT_MAX }, () => WIDE.repeat(ARG_LENGTH_MAX)),
};
// Of what a validator sends as one answer.
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

describe('the list of apps', () => {
  it('comes in pages that a validator may send, whatever the apps hold', async () => {
    const world = await new World(founded, { operationPuzzleBits: 0 }).ready();
    const names = Array.from({ length: 12 }, (_, at) => `app-${10 + at}`);
    for (const name of names) world.deploy(appSpec({ ...LARGE, name, replicas: 0 }));
    const seen: string[] = [];
    const pages: number[] = [];
    for (;;) {
      const page = world.query('apps', seen.at(-1) ?? '');
      if (page.length === 0) break;
      pages.push(encode(MESH_QUERIES.apps.answer, page).length);
      seen.push(...page.map(({ spec }) => spec.name));
    }
    expect(seen).toEqual(names);
    expect(pages.length).toBeGreaterThan(1);
    expect(Math.max(...pages)).toBeLessThan(ANSWER_BYTES_MAX);
    for (const bytes of pages.slice(0, -1)) expect(bytes).toBeGreaterThan(APP_PAGE_BYTES_MIN);
  });
});
