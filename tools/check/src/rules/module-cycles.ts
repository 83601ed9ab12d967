import type { Finding } from '../finding.ts';
import type { Repository } from '../repository.ts';
import { isSourceFile } from '../source-module.ts';
import { resolveRelative } from '../workspace.ts';

/** No file reaches itself through what it imports at run time. Reports one cycle for each import that closes one. */
export function checkModuleCycles(repository: Repository): Finding[] {
  const findings: Finding[] = [];
  const finished = new Set<string>();
  const trail: string[] = [];
  const visit = (file: string): void => {
    trail.push(file);
    for (const { specifier, line, isTypeOnly } of repository.sourceModule(file).references) {
      const target = resolveRelative(file, specifier);
      if (isTypeOnly || target === undefined || !repository.has(target) || finished.has(target) || !isSourceFile(target)) continue;
      const start = trail.indexOf(target);
      if (start === -1) visit(target);
      else findings.push(cycleFinding(file, line, [...trail.slice(start), target]));
    }
    trail.pop();
    finished.add(file);
  };
  for (const file of repository.paths.filter(isSourceFile)) if (!finished.has(file)) visit(file);
  return findings;
}

function cycleFinding(file: string, line: number, cycle: readonly string[]): Finding {
  const message = `import cycle: ${cycle.join(' -> ')}`;
  return { file, line, rule: 'module-cycles', message, remedy: 'move what both need into a file that imports neither' };
}
