// The functions of the malloc family in a module, found by name: in the name section, or else among the exports. Compilers leave one name
// of a function that has two, so the names that C libraries use inside are known as well: wasi-libc's free is often `dlfree` only.

import { type FunctionType, type ModuleInfo, ValueType } from '../binary/index.ts';

const { i32 } = ValueType;

/** The functions that are told, by the number that `heapLeave` gets. Their arguments are those of C. */
export const heapCallNames = ['malloc', 'calloc', 'realloc', 'free', 'aligned_alloc', 'memalign', 'posix_memalign'] as const;

/** One of the functions that are told. */
export type HeapCallName = (typeof heapCallNames)[number];

/** How many arguments each has. */
export const heapCallParameters: Readonly<Record<HeapCallName, number>> = {
  malloc: 1,
  calloc: 2,
  realloc: 2,
  free: 1,
  aligned_alloc: 2,
  memalign: 2,
  posix_memalign: 3,
};

/** What libraries put before a name of C, where C's own is not there. */
const prefixes = ['', 'dl', '__libc_', 'emscripten_builtin_', 'mi_'] as const;

/** A function of the malloc family in a module. */
export interface HeapCall {
  readonly name: HeapCallName;
  readonly functionIndex: number;
}

/** Finds the module's own functions of the malloc family. One with another signature is another function. */
export function heapCallsOf(info: ModuleInfo): HeapCall[] {
  const named = namedFunctions(info);
  const calls = heapCallNames.flatMap((name): HeapCall[] => {
    const candidates = prefixes.flatMap((prefix) => named.get(`${prefix}${name}`) ?? []);
    const functionIndex = candidates.find((index) => fits(info.types[info.functionTypes[index] as number], name));
    return functionIndex === undefined ? [] : [{ name, functionIndex }];
  });
  // Where the linker has folded equal bodies (memalign and aligned_alloc), one index has two names: it is wrapped once.
  return calls.filter(({ functionIndex }, at) => calls.findIndex((each) => each.functionIndex === functionIndex) === at);
}

/** Returns why a function that was given by its index cannot be what it is said to be, or undefined. */
export function whyNotHeapCall(info: ModuleInfo, { name, functionIndex }: HeapCall): string | undefined {
  const own = `${info.importedFunctionCount} to ${info.functionTypes.length - 1}`;
  if (functionIndex < info.importedFunctionCount) return `function ${functionIndex} is imported; its own are ${own}`;
  if (functionIndex >= info.functionTypes.length) return `there is no function ${functionIndex}; its own are ${own}`;
  if (fits(info.types[info.functionTypes[functionIndex] as number], name)) return undefined;
  return `function ${functionIndex} has not the signature of ${name}`;
}

function namedFunctions(info: ModuleInfo): Map<string, number[]> {
  const named = new Map<string, number[]>();
  const add = (name: string, index: number): void => {
    if (index >= info.importedFunctionCount) named.set(name, [...(named.get(name) ?? []), index]);
  };
  for (let index = info.importedFunctionCount; index < info.functionTypes.length; index++) {
    const name = info.functionName(index);
    if (name !== undefined) add(name, index);
  }
  for (const { kind, name, index } of info.exports) if (kind === 'function') add(name, index);
  return named;
}

function fits(type: FunctionType | undefined, name: HeapCallName): boolean {
  const results = name === 'free' ? 0 : 1;
  return (
    type !== undefined &&
    type.parameters.length === heapCallParameters[name] &&
    type.results.length === results &&
    [...type.parameters, ...type.results].every((each) => each === i32)
  );
}
