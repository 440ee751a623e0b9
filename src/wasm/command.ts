// What makes a module a program that can be run here: a WASI command. Checked before anything is built, one sentence per refusal.

import { UsageError } from '../base/index.ts';
import { type FunctionType, type ModuleInfo, ValueType } from './binary/index.ts';
import { type WasiCalls, wasiTypeText } from './wasi/index.ts';

/** Lists what a module imports that the host does not have, as `module.name (kind)`, or with the type where only that is wrong. */
export function unknownImports(info: ModuleInfo, known: Readonly<Record<string, WasiCalls>>): string[] {
  return info.imports.flatMap((entry) => {
    const name = `${entry.module}.${entry.name}`;
    if (entry.kind !== 'function' || !Object.hasOwn(known, entry.module) || known[entry.module]?.[entry.name] === undefined) {
      return [`${name} (${entry.kind})`];
    }
    const [wanted, had] = [typeText(info.types[entry.type as number] as FunctionType), wasiTypeText(entry.name)];
    return wanted === had ? [] : [`${name} (function ${wanted}, which WASI has as ${had})`];
  });
}

/** Writes a type as `wasiTypeText` does. */
function typeText({ parameters, results }: FunctionType): string {
  const named = (types: readonly number[]): string => types.map((type) => typeNames.get(type) ?? 'a reference').join(', ');
  return `(${named(parameters)}) -> ${results.length === 1 ? named(results) : `(${named(results)})`}`;
}

const typeNames = new Map<number, string>(Object.entries(ValueType).map(([name, type]) => [type, name]));

/** Says why a module is not a command, or returns undefined if it is one. */
export function whyNotCommand(info: ModuleInfo): string | undefined {
  const kinds = new Map(info.exports.map((entry) => [entry.name, entry.kind]));
  const start = info.exports.find((entry) => entry.name === '_start' && entry.kind === 'function');
  if (start === undefined) {
    return kinds.has('_initialize') ? 'it is a reactor: a library that only a host program can call' : 'it has no _start function';
  }
  const { parameters, results } = info.types[info.functionTypes[start.index] as number] as FunctionType;
  if (parameters.length + results.length > 0) return 'its _start function takes or returns values';
  if (kinds.get('memory') !== 'memory') return 'it does not export its memory as "memory", which WASI asks of a program';
  return undefined;
}

/** Throws a `UsageError` unless `info` is a command whose imports the host has. */
export function requireCommand(info: ModuleInfo, name: string, known: Readonly<Record<string, WasiCalls>>): void {
  const unknown = unknownImports(info, known);
  if (unknown.length > 0) throw new UsageError(`${name} imports what WASI preview1 does not have: ${unknown.join(', ')}`);
  const why = whyNotCommand(info);
  if (why !== undefined) throw new UsageError(`${name} is not a command, ${why}; build it as a command, with a main function`);
}

/** Does a step of reading a module; a `UsageError` of the step gets the module's name in front. */
export function aboutModule<T>(name: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${name}: ${error.message}`) : error;
  }
}

/** Compiles a module, or throws a `UsageError` with the engine's reason. */
export function compileModule(bytes: Uint8Array, name: string): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    throw new UsageError(`${name} is not a WebAssembly module that this engine can compile: ${error.message}`);
  }
}
