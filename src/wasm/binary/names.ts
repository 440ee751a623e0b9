// The name custom section (specification, appendix "Custom Sections"): function names, for stack traces and fault reports.
// Best effort: a damaged name section gives fewer names, never an error, as the specification asks.

import { ByteReader } from './byte-reader.ts';
import type { Section } from './module-info.ts';

/** Ids of the name section's parts. */
export const NameSubsection = { module: 0, functions: 1, locals: 2, labels: 3 } as const;

const lenient = new TextDecoder();

/** Where each function's name lies in the file; no strings are made until one is asked for. */
interface FunctionNames {
  /** Function indices, in the order of the section. */
  readonly index: Uint32Array;
  /** File offset of each name's bytes. */
  readonly start: Uint32Array;
  /** Length of each name in bytes. */
  readonly length: Uint32Array;
}

const noNames: FunctionNames = { index: new Uint32Array(0), start: new Uint32Array(0), length: new Uint32Array(0) };

/** Finds the names of functions in a name section; returns none where the section is damaged. */
function readFunctionNames(bytes: Uint8Array, section: Section): FunctionNames {
  const reader = new ByteReader(bytes, section.contents, section.end, 'the name section');
  try {
    while (reader.position < reader.end) {
      const id = reader.u8();
      const size = reader.u32();
      if (id === NameSubsection.functions) return readNameMap(reader);
      reader.skip(size);
    }
  } catch {
    return noNames;
  }
  return noNames;
}

function readNameMap(reader: ByteReader): FunctionNames {
  const count = reader.count();
  const names = { index: new Uint32Array(count), start: new Uint32Array(count), length: new Uint32Array(count) };
  for (let i = 0; i < count; i++) {
    names.index[i] = reader.u32();
    const length = reader.u32();
    names.start[i] = reader.position;
    names.length[i] = length;
    reader.skip(length);
  }
  return names;
}

/** Returns a function that looks a name up by function index; the section is read when it is first called. */
export function lazyFunctionNames(bytes: Uint8Array, section: Section | undefined): (functionIndex: number) => string | undefined {
  let slots: Map<number, number> | undefined;
  let names = noNames;
  return (functionIndex) => {
    if (slots === undefined) {
      names = section === undefined ? noNames : readFunctionNames(bytes, section);
      slots = new Map();
      for (let i = 0; i < names.index.length; i++) slots.set(names.index[i] as number, i);
    }
    const slot = slots.get(functionIndex);
    if (slot === undefined) return undefined;
    const start = names.start[slot] as number;
    return lenient.decode(bytes.subarray(start, start + (names.length[slot] as number)));
  };
}
