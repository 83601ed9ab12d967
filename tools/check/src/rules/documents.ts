import type { Finding } from '../finding.ts';
import type { Repository } from '../repository.ts';
import { workspacePackages } from '../workspace.ts';

const RULE = 'documents';
const REPOSITORY_PATH = /^(?:packages|tools|docs|deploy|examples|toolchain|\.ci)\/[\w./-]+$/;

/** What documents name exists: npm scripts, linked files and headings, paths in code spans; each package has a README. */
export function checkDocuments(repository: Repository): Finding[] {
  const documents = repository.paths.filter((path) => path.endsWith('.md'));
  return [...documents.flatMap((file) => checkDocument(repository, file)), ...checkReadmes(repository)];
}

function checkDocument(repository: Repository, file: string): Finding[] {
  const scripts = scriptsOf(repository);
  return repository
    .text(file)
    .split('\n')
    .flatMap((text, index) => {
      const finding = (message: string, remedy: string): Finding => ({ file, line: index + 1, rule: RULE, message, remedy });
      return [
        ...[...text.matchAll(/\bnpm (?:run (?:-[\w-]+ )*([a-z][\w:-]*)|(start|test)\b)/g)]
          .map(([, run, short]) => (run ?? short) as string)
          .filter((script) => !scripts.has(script))
          .map((script) => finding(`there is no npm script "${script}"`, 'name a script of package.json')),
        ...[...text.matchAll(/\]\(([^)\s]+)\)/g)]
          .map(([, target]) => target as string)
          .filter((target) => !linkExists(repository, file, target))
          .map((target) => finding(`the link to ${target} leads nowhere`, 'link to a file and heading that exist')),
        ...[...text.matchAll(/`([^`]+)`/g)]
          .map(([, code]) => code as string)
          .filter((code) => REPOSITORY_PATH.test(code) && !repository.has(code) && !repository.hasDirectory(code))
          .map((code) => finding(`${code} does not exist`, 'name a path that exists')),
      ];
    });
}

function scriptsOf(repository: Repository): ReadonlySet<string> {
  const manifest = repository.has('package.json') ? (JSON.parse(repository.text('package.json')) as { scripts?: object }) : {};
  return new Set(Object.keys(manifest.scripts ?? {}));
}

function linkExists(repository: Repository, from: string, target: string): boolean {
  if (/^[a-z]+:/.test(target)) return true;
  const [path = '', anchor] = target.split('#');
  const parts = path.startsWith('/') ? [] : from.split('/').slice(0, -1);
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  const file = path === '' ? from : parts.join('/');
  if (!repository.has(file)) return repository.hasDirectory(file);
  return anchor === undefined || !file.endsWith('.md') || headingAnchors(repository.text(file)).has(anchor);
}

function headingAnchors(markdown: string): ReadonlySet<string> {
  const headings = [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading as string);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    ),
  );
}

/** A README is asked for once a package has a file beyond its empty entries. */
function checkReadmes(repository: Repository): Finding[] {
  return workspacePackages(repository)
    .filter(({ directory }) => {
      const sources = repository.paths.filter((path) => path.startsWith(`${directory}/src/`) && path.endsWith('.ts'));
      return sources.some((path) => repository.text(path).trim() !== 'export {};') && !repository.has(`${directory}/README.md`);
    })
    .map(({ directory, name }) => ({
      file: `${directory}/package.json`,
      line: 1,
      rule: RULE,
      message: `${name} has code and no README.md`,
      remedy: 'say what it is in one sentence, then an example, life cycle and limits',
    }));
}
