#!/usr/bin/env node
// `npx quire ...`. From a clone it first installs and builds what is missing (and says so on stderr); the exit code is the command's.

import { existsSync } from 'node:fs';
import process from 'node:process';

const prepareScript = new URL('../scripts/prepare.mjs', import.meta.url);
if (existsSync(prepareScript)) (await import(prepareScript.href)).prepare();

const { main } = await import('../dist/cli/main.js');
process.exitCode = await main(process.argv.slice(2));
