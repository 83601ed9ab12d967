import { fileURLToPath } from 'node:url';
import { compareFindings, formatFinding } from './finding.ts';
import { readRepository } from './repository.ts';
import { checkBannedApis } from './rules/banned-apis.ts';
import { checkDeadFiles } from './rules/dead-files.ts';
import { checkDocuments } from './rules/documents.ts';
import { checkLockfiles } from './rules/lockfiles.ts';
import { checkModuleCycles } from './rules/module-cycles.ts';
import { checkPackageGraph } from './rules/package-graph.ts';
import { checkReference } from './rules/reference.ts';
import { checkSecrets } from './rules/secrets.ts';
import { checkUnknownFiles } from './rules/unknown-files.ts';

const rules = [
  checkPackageGraph,
  checkModuleCycles,
  checkDeadFiles,
  checkBannedApis,
  checkDocuments,
  checkReference,
  checkSecrets,
  checkLockfiles,
  checkUnknownFiles,
];

const repository = readRepository(fileURLToPath(new URL('../../..', import.meta.url)));
const findings = rules.flatMap((rule) => rule(repository)).toSorted(compareFindings);
for (const finding of findings) process.stdout.write(`${formatFinding(finding)}\n`);
process.stdout.write(`repository: ${repository.paths.length} files, ${rules.length} rules, ${findings.length} findings\n`);
process.exitCode = findings.length === 0 ? 0 : 1;
