// `npm test [-- vitest options]`: the whole suite, ending in one plain line that counts the tests.

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
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
console.log(countTests(resultPath));
process.exitCode = status;

function countTests(path) {
  const result = JSON.parse(readFileSync(path, 'utf8'));
  // A file that cannot even be loaded has no tests of its own: it counts as one that failed.
  const brokenFiles = result.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  const skipped = result.numPendingTests + result.numTodoTests;
  const failed = result.numFailedTests + brokenFiles.length;
  return `${result.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
