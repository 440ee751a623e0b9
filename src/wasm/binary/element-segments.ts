// Element segments (specification, 5.5.12). Nobody here needs their contents: only that they are well formed, and where the function
// indices in them lie, which the rewriter renumbers.
//
// Flags, bit by bit: 1 passive or declarative, 2 (active) has a table index / (otherwise) declarative, 4 items are expressions.

import type { ByteReader } from './byte-reader.ts';
import { type FunctionIndexVisitor, readConstant, visitFunctionIndex } from './constant-expressions.ts';

const NOT_ACTIVE = 1;
const EXPLICIT = 2;
const EXPRESSIONS = 4;

/** Reads the whole element section; `visit` sees every function index and `visitTable` every table index that is spelt out, in file order. */
export function visitElements(reader: ByteReader, visit: FunctionIndexVisitor, visitTable?: (tableIndex: number) => void): void {
  const count = reader.count();
  for (let i = 0; i < count; i++) visitElement(reader, visit, visitTable);
}

function visitElement(reader: ByteReader, visit: FunctionIndexVisitor, visitTable?: (tableIndex: number) => void): void {
  const at = reader.position;
  const flags = reader.u32();
  if (flags > 7) reader.fail(`an element segment has unknown flags 0x${flags.toString(16)}`, at);
  if ((flags & NOT_ACTIVE) === 0) {
    if ((flags & EXPLICIT) !== 0) {
      const table = reader.u32();
      visitTable?.(table);
    }
    readConstant(reader, visit);
  }
  // The type or kind of the items is left out only in the two forms that the MVP had.
  if ((flags & (NOT_ACTIVE | EXPLICIT)) !== 0) reader.u8();
  const items = reader.count();
  for (let i = 0; i < items; i++) {
    if ((flags & EXPRESSIONS) !== 0) readConstant(reader, visit);
    else visitFunctionIndex(reader, visit);
  }
}
