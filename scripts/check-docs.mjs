// `npm run check:docs`: every name that an index.ts of src/ exports has a doc comment on its declaration.
//
// Members are not asked for: `close(): void` of a documented interface says what it does. The TypeScript compiler itself tells what an
// index exports and which comment belongs to which declaration.

import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import process from 'node:process';
import ts from 'typescript';
import { root } from './prepare.mjs';

const source = join(root, 'src');
const { options } = ts.getParsedCommandLineOfConfigFile(join(source, 'tsconfig.json'), {}, ts.sys);
const indexes = readdirSync(source, { recursive: true })
  .filter((path) => path.endsWith('index.ts'))
  .map((path) => join(source, path));
const program = ts.createProgram([join(source, 'ambient.d.ts'), ...indexes], options);
const checker = program.getTypeChecker();

// A name may be exported by several indexes, and a type and a constant may share one name: declarations are what counts.
const declarations = new Set(indexes.flatMap(exportsOf).flatMap((symbol) => symbol.declarations ?? []));
const bare = [...declarations].filter((declaration) => !isDocumented(declaration));

for (const declaration of bare) console.log(`${placeOf(declaration)}: ${declaration.name.getText()} has no doc comment`);
console.log(`${declarations.size - bare.length} of ${declarations.size} exported declarations are documented.`);
process.exitCode = bare.length === 0 ? 0 : 1;

function exportsOf(index) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(index));
  return module === undefined ? [] : checker.getExportsOfModule(module).map(original);
}

function original(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

// Of a type and a constant of one name, as in `const Kind = {...}; type Kind = ...`, one comment serves both.
function isDocumented(declaration) {
  const symbol = checker.getSymbolAtLocation(declaration.name);
  return symbol.getDocumentationComment(checker).length > 0;
}

function placeOf(declaration) {
  const file = declaration.getSourceFile();
  const { line } = file.getLineAndCharacterOfPosition(declaration.getStart());
  return `${relative(root, file.fileName)}:${line + 1}`;
}
