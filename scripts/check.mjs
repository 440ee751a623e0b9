// `npm run check`: everything about the sources that a tool can judge without running them. Each check is a script
// `check:...` of package.json, so that one can be run alone; here all of them run, then comes the verdict.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ensureInstalled, requireNode, root } from './prepare.mjs';

requireNode();
ensureInstalled();

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const failed = Object.keys(scripts)
  .filter((name) => name.startsWith('check:'))
  .filter((name) => !passes(name));

console.log(failed.length === 0 ? 'All checks passed.' : `Failed: ${failed.join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;

function passes(name) {
  const startedAt = performance.now();
  const { status } = spawnSync('npm', ['run', '--silent', name], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  return status === 0;
}
