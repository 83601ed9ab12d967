import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatId, parseId } from '@hypermesh/stoq';

describe('ids', () => {
  it('are base32 in lower case without padding', () => {
    expect(formatId('node', new Uint8Array(32))).toBe(`node:${'a'.repeat(52)}`);
    expect(formatId('tx', new Uint8Array(32).fill(255))).toBe(`tx:${'7'.repeat(51)}q`);
    // `printf 'hypermesh-hypermesh-hypermesh-32' | base32`
    const bytes = new TextEncoder().encode('hypermesh-hypermesh-hypermesh-32');
    expect(formatId('pkg', bytes)).toBe('pkg:nb4xazlsnvsxg2bnnb4xazlsnvsxg2bnnb4xazlsnvsxg2bngmza');
  });

  it('lead back to their bytes, whatever was formatted before', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 3 }), (all) => {
        const texts = all.map((bytes) => formatId('node', bytes));
        expect(texts.map((text) => parseId('node', text))).toEqual(all);
      }),
    );
  });
});
