// Makes a fresh clone ready: checks Node, installs the dependencies, compiles the sources; each only when needed.
//
// It uses nothing but Node and npm, and must load on any Node that knows ES modules, so that an old one gets a sentence
// instead of a syntax error. What it says goes to stderr: the standard output belongs to the program that runs next.
//
// Installed is judged by content, not by time: npm keeps the list of what it installed beside the packages, and that list must
// agree with the lock file. Built is judged by time: no source may be newer than the moment the last good build began.

import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** The clone's root folder. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** The oldest Node that works: the first 20 that has every feature the sources use, as in package.json's `engines`. */
const oldestNode = [20, 19];

// The commands that npm installs are batch files there, which only a shell can start.
const onWindows = process.platform === 'win32';

const buildStamp = join(root, 'dist', '.built');
const sourceFolders = ['src', 'cli', 'bench', 'examples', 'test/torture'];
const buildFiles = ['package.json', 'tsconfig.base.json', 'tsconfig.json'];

/** Ends the process with one sentence and exit code 2 if this Node is too old. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return;
  say(`this needs Node ${oldestNode.join('.')} or newer, and this is Node ${process.versions.node}: see https://nodejs.org`);
  process.exit(2);
}

/** Installs the locked dependencies if any is missing or differs from the lock file. */
export function ensureInstalled() {
  if (isInstalled()) return;
  // npm ci would empty the folder that the link leads to, which others use.
  if (lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) {
    giveUp(
      'node_modules is a symbolic link, and what it leads to is not what package-lock.json asks for: remove the link, or install there',
    );
  }
  say('installing the dependencies (npm ci)');
  const npm = process.env.npm_execpath;
  const status = npm?.endsWith('.js') ? run(process.execPath, [npm, 'ci']) : run('npm', ['ci'], { shell: onWindows });
  if (status !== 0) giveUp('npm ci failed: the reason is above');
}

/** Compiles the sources if any is newer than the last good build. */
export function ensureBuilt() {
  const startedAt = new Date();
  if (existsSync(buildStamp) && newestSource() <= statSync(buildStamp).mtimeMs) return;
  say('compiling the sources (tsc -b)');
  if (run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b', root]) !== 0) {
    giveUp('the sources do not compile: the reasons are above');
  }
  writeFileSync(buildStamp, '');
  utimesSync(buildStamp, startedAt, startedAt);
}

/** Does all of it. */
export function prepare() {
  requireNode();
  ensureInstalled();
  ensureBuilt();
}

/**
 * Runs a tool of the package's own dependencies in the root folder and returns its exit code.
 * @param {string} name its name under node_modules/.bin
 * @param {string[]} parameters
 */
export function runTool(name, parameters) {
  return run(join(root, 'node_modules', '.bin', name), parameters, { shell: onWindows, output: 'inherit' });
}

/** @param {string} sentence */
export function say(sentence) {
  process.stderr.write(`quire: ${sentence}\n`);
}

function giveUp(sentence) {
  say(sentence);
  process.exit(1);
}

function run(command, parameters, { shell = false, output = 2 } = {}) {
  const result = spawnSync(command, parameters, { cwd: root, stdio: ['ignore', output, 'inherit'], shell });
  if (result.error) say(`cannot start ${command}: ${result.error.message}`);
  // A tool that a signal ended has no exit code.
  return result.status ?? 1;
}

function isInstalled() {
  const installedPath = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) return false;
  const installed = readPackages(installedPath);
  return Object.entries(readPackages(join(root, 'package-lock.json'))).every(([path, wanted]) => {
    if (path === '') return true;
    const present = installed[path];
    // An optional package for another platform is not installed.
    return present ? present.version === wanted.version : wanted.optional === true;
  });
}

function readPackages(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

function newestSource() {
  const files = buildFiles.map((name) => join(root, name));
  return Math.max(...[...files, ...sourceFolders.flatMap((name) => sourcesUnder(join(root, name)))].map(modifiedAt));
}

// Folders count as well: removing a file changes only its folder.
function sourcesUnder(folder) {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  const wanted = names.filter((entry) => entry.isDirectory() || isSource(entry.name));
  return [folder, ...wanted.map((entry) => join(entry.parentPath ?? entry.path, entry.name))];
}

function isSource(name) {
  return name.endsWith('.json') || (name.endsWith('.ts') && !/\.(test|conformance)\.ts$/.test(name));
}

function modifiedAt(path) {
  return statSync(path).mtimeMs;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) prepare();
