// Layer and cycle rules, made from the one table in scripts/layers.mjs.

import { layers } from './scripts/layers.mjs';

const group = (names) => `(${names.join('|')})`;

/** Tests stand outside the house: they may put floors together as they like. */
const test = '\\.(test|conformance)\\.ts$';

/** One rule per floor: whatever is in src/ and not below it is out of its reach. */
const floorRules = layers.map((name, floor) => {
  const reachable = layers.slice(0, floor + 1);
  return {
    name: `floor-${name}`,
    comment: `src/${name} imports only from: ${layers.slice(0, floor).join(', ') || 'nothing'}`,
    severity: 'error',
    from: { path: `^src/${name}/`, pathNot: test },
    to: { path: '^src/', pathNot: `^src/${group(reachable)}/` },
  };
});

export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'no module may reach itself; types count too',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...floorRules,
    {
      name: 'known-floors',
      comment: 'every folder of src/ has its place in scripts/layers.mjs',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/${group(layers)}/|^src/[^/]+\\.ts$` },
      to: {},
    },
    {
      name: 'through-the-index',
      comment: 'another folder of src/ is reached only through an index.ts',
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: test },
      to: { path: '^src/', pathNot: '^src/$1/|/index\\.ts$' },
    },
    {
      name: 'outside-through-the-index',
      comment: 'cli/, web/, bench/ and examples/ reach src/ only through an index.ts',
      severity: 'error',
      from: { path: '^(cli|web|bench|examples)/', pathNot: test },
      to: { path: '^src/', pathNot: '/index\\.ts$' },
    },
    {
      name: 'systems-are-strangers',
      comment: 'a memory system knows only the contract, never another system; the catalog alone names them all',
      severity: 'error',
      from: { path: '^src/systems/([^/]+)/', pathNot: test },
      to: { path: '^src/(uvm|systems)/', pathNot: '^src/systems/$1/' },
    },
    {
      name: 'src-has-no-host',
      comment: 'src/ runs in a page, a worker and Node alike: it imports no package and nothing of Node',
      severity: 'error',
      from: { path: '^src/', pathNot: test },
      to: { pathNot: '^src/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.mjs', '.js'] },
  },
};
