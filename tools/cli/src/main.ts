#!/usr/bin/env node
import { watchReader } from './interruption.ts';
import { runCli } from './run.ts';

watchReader(process);
process.exitCode = await runCli(process.argv.slice(2), process);
