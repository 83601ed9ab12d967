#!/usr/bin/env node
import { watchReaders } from './interruption.ts';
import { runCli } from './run.ts';

watchReaders(process);
process.exitCode = await runCli(process.argv.slice(2), process);
