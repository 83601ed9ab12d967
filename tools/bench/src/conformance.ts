import { runConformance } from './vectors/command.ts';

process.exitCode = await runConformance(process.argv.slice(2), {
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
});
