// `npm run bench [-- options]`: builds what is missing, then runs the benchmarks of bench/.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { prepare, root } from './prepare.mjs';

prepare();

const main = join(root, 'dist', 'bench', 'main.js');
const result = spawnSync(process.execPath, [main, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
process.exitCode = result.status ?? 1;
