// `npm run torture [-- options]`: builds what is missing, then plays random scripts on a memory manager (test/torture/).

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { prepare, root } from './prepare.mjs';

prepare();

const main = join(root, 'dist', 'test', 'torture', 'main.js');
const result = spawnSync(process.execPath, [main, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
process.exitCode = result.status ?? 1;
