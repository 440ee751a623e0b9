// `npm run example [-- name]`: builds what is missing, then plays an example of examples/ and prints its transcript.

import process from 'node:process';
import { prepare } from './prepare.mjs';

prepare();

const { main } = await import('../dist/examples/main.js');
process.exitCode = main(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`));
