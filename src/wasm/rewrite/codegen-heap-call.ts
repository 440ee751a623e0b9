// The wrapper of a function of the malloc family whose calls are to be told.
//
//   callers -> malloc (the wrapper, at the function's own index)
//                heapEnter()
//                result = the original body, moved behind the module's own functions
//                heapLeave(which, first argument, second argument, result)
//
// So the program's callers, tables and exports reach the wrapper without being changed, and a calloc that calls malloc enters twice:
// whoever listens counts the depth and takes the outermost call.

import { Op, ValueType } from '../binary/index.ts';
import type { AddedFunctions } from './added-functions.ts';
import { ByteWriter } from './byte-writer.ts';
import { type HeapCall, heapCallNames, heapCallParameters } from './heap-calls.ts';
import { kindOf } from './memory-access.ts';

const { i32 } = ValueType;

/** Appends the wrapper of the call numbered `at` among `functions.heapCalls`, with its size field. */
export function emitHeapCall(out: ByteWriter, { name }: HeapCall, at: number, functions: AddedFunctions): void {
  const parameters = heapCallParameters[name];
  const result = parameters;
  const code = new ByteWriter(64);
  // One local behind the parameters: the result.
  code.ops(1, 1, i32);
  code.call(functions.host('heapEnter'));
  for (let parameter = 0; parameter < parameters; parameter++) code.get(parameter);
  code.call(functions.original(at));
  if (name !== 'free') code.set(result);
  code.i32(heapCallNames.indexOf(name));
  // posix_memalign's first parameter is where its result goes.
  const first = name === 'posix_memalign' ? 1 : 0;
  code.get(first);
  if (parameters > 1) code.get(first + 1);
  else code.i32(0);
  if (name === 'posix_memalign') emitStoredResult(code, result, functions);
  else if (name === 'free') code.i32(0);
  else code.get(result);
  code.call(functions.host('heapLeave'));
  if (name !== 'free') code.get(result);
  code.u8(Op.end);
  out.u32(code.length);
  out.append(code);
}

/** status == 0 ? the word at the first parameter : 0 */
function emitStoredResult(code: ByteWriter, status: number, functions: AddedFunctions): void {
  code.get(status);
  code.ops(Op.if, i32);
  code.i32(0);
  code.u8(Op.else);
  code.get(0);
  code.i32(0);
  code.call(functions.helper(kindOf(Op.i32Load)));
  code.u8(Op.end);
}
