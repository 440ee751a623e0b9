// `npm test [-- vitest options]`: the whole suite, ending in one plain line that counts the tests.

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { prepare, root, runTool } from './prepare.mjs';

prepare();

const resultPath = join(root, 'dist', 'test-results.json');
mkdirSync(join(root, 'dist'), { recursive: true });
rmSync(resultPath, { force: true });

const status = runTool('vitest', [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${resultPath}`,
  ...process.argv.slice(2),
]);
console.log(countTests());
process.exitCode = status;

function countTests() {
  // The runner itself did not come to its end.
  if (!existsSync(resultPath)) return '0 passed, 1 failed';
  const result = JSON.parse(readFileSync(resultPath, 'utf8'));
  const skipped = result.numPendingTests + result.numTodoTests;
  return `${result.numPassedTests} passed, ${failures(result)} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

function failures(result) {
  // A file that cannot even be loaded has no tests of its own: it counts as one that failed. So does an error outside all tests.
  const brokenFiles = result.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return Math.max(result.numFailedTests + brokenFiles.length, status === 0 ? 0 : 1);
}
