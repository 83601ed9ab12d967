import type { Finding } from '../finding.ts';
import type { Repository } from '../repository.ts';

const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:\\n|\s)+[A-Za-z0-9+/=]{40,}/g;
/** Forms that issuers of tokens publish so that scanners find them. */
const ISSUED_TOKEN =
  /\b(?:AKIA[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{36}|npm_[A-Za-z0-9]{36}|xox[abpr]-[A-Za-z0-9-]{20,}|sk-[A-Za-z0-9_-]{32,})\b/g;
const NAMED_SECRET = /(?:secret|token|password|passphrase|api_?key|private_?key)\w{0,20}['"]?\s*[:=]\s*['"]([A-Za-z0-9+/=_-]{20,})['"]/gi;
/** Bits a character: text and identifiers stay under 3.5, random base64 and hexadecimal of 20 characters and more lie above. */
const ENTROPY_BITS_MIN = 3.5;
/** Lockfiles hold digests only. */
const DIGEST_FILES = new Set(['pnpm-lock.yaml', 'toolchain/package-lock.json']);

export function checkSecrets(repository: Repository): Finding[] {
  return repository.paths
    .filter((file) => !DIGEST_FILES.has(file))
    .flatMap((file) => {
      const text = repository.text(file);
      return [
        ...matches(file, text, PRIVATE_KEY, 'a private key'),
        ...matches(file, text, ISSUED_TOKEN, 'an access token'),
        ...matches(file, text, NAMED_SECRET, 'a secret value', (match) => entropyBits(match[1] as string) >= ENTROPY_BITS_MIN),
      ];
    });
}

function matches(
  file: string,
  text: string,
  pattern: RegExp,
  what: string,
  accept: (match: RegExpMatchArray) => boolean = () => true,
): Finding[] {
  return [...text.matchAll(pattern)].filter(accept).map((match) => ({
    file,
    line: text.slice(0, match.index).split('\n').length,
    rule: 'secrets',
    message: `the file seems to hold ${what}`,
    remedy: 'generate it where it is used, or read it from a file outside the repository; then replace it everywhere',
  }));
}

function entropyBits(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((bits, count) => bits - (count / value.length) * Math.log2(count / value.length), 0);
}
