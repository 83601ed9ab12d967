import { Visitor } from 'vite';
import type { Finding } from '../finding.ts';
import type { Repository } from '../repository.ts';
import { isSourceFile } from '../source-module.ts';

interface Ban {
  readonly what: string;
  /** Why, and what to use. */
  readonly remedy: string;
  readonly applies: (path: string) => boolean;
}

const isLibrary = (path: string): boolean => /^packages\/[^/]+\/src\//.test(path);
const isSource = (path: string): boolean => /^(packages|tools)\/[^/]+\/src\//.test(path);
/** The one place of the libraries that reads the machine's clock; entry files are processes of their own. */
const SYSTEM_CLOCK = 'packages/stoq/src/clock.ts';
const readsClock = (path: string): boolean => isLibrary(path) && path !== SYSTEM_CLOCK && !path.endsWith('.entry.ts');
/** Entry files of child processes end themselves even when a guest never returns. */
const endsProcess = (path: string): boolean => isSource(path) && !path.endsWith('.entry.ts');

const TAKE_CLOCK = 'take a Clock as a parameter: tests step it';
const CODED_ERROR = "throw a coded error of the package's errors.ts, or assert for a programmer's mistake";

const MEMBERS: ReadonlyMap<string, Ban> = new Map(
  [
    { what: 'Math.random', remedy: 'take entropy as a parameter, or use node:crypto', applies: isLibrary },
    { what: 'Date.now', remedy: TAKE_CLOCK, applies: readsClock },
    { what: 'performance.now', remedy: TAKE_CLOCK, applies: readsClock },
    { what: 'process.hrtime', remedy: TAKE_CLOCK, applies: readsClock },
    { what: 'process.exit', remedy: 'set process.exitCode and let the process end', applies: endsProcess },
    { what: 'process.abort', remedy: 'set process.exitCode and let the process end', applies: isSource },
  ].map((ban) => [ban.what, ban]),
);

const CONSTRUCTORS: ReadonlyMap<string, Ban> = new Map(
  [
    ...['Error', 'TypeError', 'RangeError', 'SyntaxError', 'AggregateError'].map((what) => ({
      what,
      remedy: CODED_ERROR,
      applies: isLibrary,
    })),
    { what: 'Function', remedy: 'no code from strings', applies: isSource },
  ].map((ban) => [ban.what, ban]),
);

const MODULES: ReadonlyMap<string, Ban> = new Map([
  [
    'node:wasi',
    { what: 'node:wasi', remedy: 'it lets a guest read outside its folder: use the host of packages/catalog', applies: isSourceFile },
  ],
]);

const UNFINISHED = /\b(TODO|FIXME|XXX|HACK)\b/;

export function checkBannedApis(repository: Repository): Finding[] {
  return repository.paths.filter(isSourceFile).flatMap((file) => checkFile(repository, file));
}

function checkFile(repository: Repository, file: string): Finding[] {
  const { program, references, comments, lineOf } = repository.sourceModule(file);
  const text = repository.text(file);
  const findings: Finding[] = [];
  const refuse = (ban: Ban | undefined, line: number): void => {
    if (ban?.applies(file) !== true) return;
    findings.push({ file, line, rule: 'banned-apis', message: `${ban.what} is not used here`, remedy: ban.remedy });
  };
  new Visitor({
    MemberExpression: (node) => refuse(MEMBERS.get(text.slice(node.start, node.end)), lineOf(node.start)),
    NewExpression: (node) => {
      const name = text.slice(node.callee.start, node.callee.end);
      refuse(CONSTRUCTORS.get(name), lineOf(node.start));
      if (name === 'Date' && node.arguments.length === 0) {
        refuse({ what: 'new Date()', remedy: TAKE_CLOCK, applies: readsClock }, lineOf(node.start));
      }
    },
  }).visit(program);
  for (const { specifier, line } of references) refuse(MODULES.get(specifier), line);
  for (const comment of comments.filter(({ text: words }) => UNFINISHED.test(words))) {
    const message = 'a comment marks unfinished work';
    findings.push({ file, line: comment.line, rule: 'banned-apis', message, remedy: 'finish it, or throw a typed Unsupported error' });
  }
  return findings;
}
