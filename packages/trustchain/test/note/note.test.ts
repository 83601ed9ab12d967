import { createCrypto, type Crypto } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHECKPOINT_BYTES_MAX } from '../../src/constants.ts';
import { ed25519KeyId, falconKeyId, signNoteText, verifyLogSignatures } from '../../src/note/log-signature.ts';
import { formatNote, formatSignatureLine, type Note, noteKeyId, parseNote } from '../../src/note/note.ts';
import { formatCheckpoint, parseCheckpoint } from '../../src/note/checkpoint.ts';
import { createLogSigners, ORIGIN } from '../log/fixtures.ts';

let crypto: Crypto;
beforeAll(async () => {
  crypto = await createCrypto();
});
afterAll(() => crypto.close());

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const malformed = expect.objectContaining({ code: 'trustchain.checkpoint_malformed' });
const SIGNATURE = '\u2014 a.example/log AAAAAWFi\n';
const CHECKPOINT = `${ORIGIN}\n7\n${Buffer.alloc(32, 5).toString('base64')}\n`;

// The example of golang.org/x/mod/sumdb/note, made by another implementation.
const PETER = {
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  line: '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
};

describe('signed notes', () => {
  test('of another implementation verify', () => {
    const key = {
      algorithm: 'ed25519',
      bytes: Uint8Array.from(Buffer.from('ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'base64').subarray(1)),
    } as const;
    expect(ed25519KeyId('PeterNeumann', key)).toBe(0xc74f20a3);
    const { text, signatures } = parseNote(utf8(`${PETER.text}\n${PETER.line}`));
    expect(text).toBe(PETER.text);
    expect(signatures).toHaveLength(1);
    expect(signatures[0]).toMatchObject({ name: 'PeterNeumann', keyId: 0xc74f20a3 });
    expect(crypto.verify(key, utf8(text), { algorithm: 'ed25519', bytes: signatures[0]?.bytes as Uint8Array })).toBe(true);
  });

  test('round-trip, with empty lines in the text', () => {
    const note: Note = { text: 'a\n\nb\n', signatures: [{ name: 'x/y', keyId: 0xfffffffe, bytes: Uint8Array.of(1, 2, 3) }] };
    expect(parseNote(formatNote(note))).toEqual(note);
    expect(formatSignatureLine(note.signatures[0] as Note['signatures'][number])).toBe('\u2014 x/y /////gECAw==\n');
  });

  test.each([
    ['nothing', ''],
    ['no blank line', `text\n${SIGNATURE}`],
    ['no signature', 'text\n\n'],
    ['no final newline', `text\n\n${SIGNATURE.slice(0, -1)}`],
    ['a hyphen for the dash', `text\n\n- a.example/log AAAAAWFi\n`],
    ['two spaces', `text\n\n\u2014  a.example/log AAAAAWFi\n`],
    ['a name with a plus sign', `text\n\n\u2014 a+b AAAAAWFi\n`],
    ['a name with a space', `text\n\n\u2014 a b AAAAAWFi\n`],
    ['a no-break space in the name', `text\n\n\u2014 a\u00a0b AAAAAWFi\n`],
    ['a signature of nothing', `text\n\n\u2014 a AAAAAQ==\n`],
    ['base64 without padding', `text\n\n\u2014 a AAAAAWE\n`],
    ['base64 with bits to spare', `text\n\n\u2014 a AAAAAWF=\n`],
    ['base64 of the URL alphabet', `text\n\n\u2014 a AAAAAWF_\n`],
    ['a trailing space', `text\n\n\u2014 a AAAAAWFi \n`],
    ['a carriage return', `text\r\n\n${SIGNATURE}`],
    ['a null character', `te\0xt\n\n${SIGNATURE}`],
    ['two signatures of one key', `text\n\n${SIGNATURE}${SIGNATURE}`],
    ['text after the signatures', `text\n\n${SIGNATURE}more\n`],
    ['too many signatures', `text\n\n${Array.from({ length: 129 }, (_, i) => SIGNATURE.replace('a.example', `a${i}`)).join('')}`],
    ['too many bytes', `${'x'.repeat(CHECKPOINT_BYTES_MAX)}\n\n${SIGNATURE}`],
  ])('%s is refused', (_, note) => {
    expect(() => parseNote(utf8(note))).toThrow(malformed);
  });

  test('bytes that are not UTF-8 are refused', () => {
    expect(() => parseNote(Uint8Array.of(0xff, ...utf8(`\n\n${SIGNATURE}`)))).toThrow(malformed);
    expect(() => parseNote(Uint8Array.of(0xef, 0xbb, 0xbf, 0x80))).toThrow(malformed);
  });

  test.each(['', 'a b', 'a+b', 'a\nb'])('the key name %j is refused', (name) => {
    expect(() => noteKeyId(name, Uint8Array.of(1), new Uint8Array(32))).toThrow(malformed);
    expect(() => formatNote({ text: 't\n', signatures: [{ name, keyId: 1, bytes: Uint8Array.of(1) }] })).toThrow(malformed);
  });
});

describe('checkpoints', () => {
  test('round-trip', () => {
    const { origin, size, root, note } = parseCheckpoint(utf8(`${CHECKPOINT}\n${SIGNATURE}`));
    expect({ origin, size, root }).toEqual({ origin: ORIGIN, size: 7, root: new Uint8Array(32).fill(5) });
    expect(formatCheckpoint({ origin, size, root })).toBe(CHECKPOINT);
    expect(note.text).toBe(CHECKPOINT);
  });

  test.each([
    ['an extension line', `${CHECKPOINT}extension\n`],
    ['an empty extension line', `${CHECKPOINT}\n`],
    ['no root', `${ORIGIN}\n7\n`],
    ['no origin', CHECKPOINT.replace(ORIGIN, '')],
    ['a leading zero', CHECKPOINT.replace('\n7\n', '\n07\n')],
    ['a sign', CHECKPOINT.replace('\n7\n', '\n+7\n')],
    ['a fraction', CHECKPOINT.replace('\n7\n', '\n7.0\n')],
    ['a size beyond safe integers', CHECKPOINT.replace('\n7\n', '\n9007199254740993\n')],
    ['a longer size', CHECKPOINT.replace('\n7\n', '\n10000000000000000\n')],
    ['a short root', CHECKPOINT.replace(/.{44}\n$/, 'AAAA\n')],
    ['a root in other base64', CHECKPOINT.replace(/=\n$/, '\n')],
  ])('%s is refused', (_, text) => {
    expect(() => parseCheckpoint(utf8(`${text}\n${SIGNATURE}`))).toThrow(malformed);
  });

  test('mutated bytes are refused with the code or parse to something else', () => {
    const original = utf8(`${CHECKPOINT}\n${SIGNATURE}${PETER.line}`);
    let state = 12345;
    const random = (below: number): number => (state = (state * 1103515245 + 12345) % 2147483648) % below;
    let accepted = 0;
    for (let round = 0; round < 4000; round++) {
      const bytes = Uint8Array.from(original);
      for (let i = 0; i <= random(3); i++) bytes[random(bytes.length)] = random(256);
      const cut = random(4) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
      try {
        const { note } = parseCheckpoint(cut);
        expect(Buffer.from(formatNote(note)).equals(cut)).toBe(true);
        accepted++;
      } catch (error) {
        expect(error).toEqual(malformed);
      }
    }
    expect(accepted).toBeLessThan(4000);
  });
});

describe('signatures of a log', () => {
  test('are demanded of both keys, under its own name', async () => {
    const signers = await createLogSigners(crypto);
    const keys = { origin: ORIGIN, classical: signers.classical.publicKey, postQuantum: signers.postQuantum.publicKey };
    const signatures = await signNoteText(CHECKPOINT, ORIGIN, signers);
    const [classical, postQuantum] = signatures as [Note['signatures'][number], Note['signatures'][number]];
    expect(classical.keyId).toBe(ed25519KeyId(ORIGIN, keys.classical));
    expect(postQuantum.keyId).toBe(falconKeyId(ORIGIN, keys.postQuantum));
    const note = { text: CHECKPOINT, signatures };
    expect(() => verifyLogSignatures(parseNote(formatNote(note)), keys, crypto)).not.toThrow();

    const flipped = { ...postQuantum, bytes: postQuantum.bytes.with(100, (postQuantum.bytes[100] as number) ^ 1) };
    const wrong: [string, Note][] = [
      ['missing', { ...note, signatures: [classical] }],
      ['missing', { ...note, signatures: [postQuantum] }],
      ['wrong', { ...note, signatures: [classical, flipped] }],
      ['wrong', { ...note, text: CHECKPOINT.replace('\n7\n', '\n8\n') }],
      ['missing', { ...note, signatures: signatures.map((signature) => ({ ...signature, name: 'other' })) }],
      ['wrong', { ...note, signatures: [{ ...classical, bytes: postQuantum.bytes }, postQuantum] }],
    ];
    for (const [reason, forged] of wrong) {
      const refusal = expect.objectContaining({ code: 'trustchain.checkpoint_unsigned', data: expect.objectContaining({ reason }) });
      expect(() => verifyLogSignatures(forged, keys, crypto)).toThrow(refusal);
    }
  });

  test('the FALCON key id follows the rule for types without an assigned byte', () => {
    const key = { algorithm: 'falcon1024', bytes: new Uint8Array(1793).fill(3) } as const;
    const type = Uint8Array.of(0xff, ...utf8('falcon1024-round3.hypermesh'));
    expect(falconKeyId('a', key)).toBe(noteKeyId('a', type, key.bytes));
    expect(falconKeyId('a', key)).not.toBe(noteKeyId('a', Uint8Array.of(0xff), key.bytes));
  });
});
