// args_get, args_sizes_get, environ_get, environ_sizes_get.

import { requireWritable, type WasiCalls, type WasiContext } from './context.ts';
import type { StringBlock } from './string-block.ts';

/** The calls that hand out arguments and environment. */
export function argumentCalls(context: WasiContext): WasiCalls {
  const { memory, args, environ } = context;

  function get(block: StringBlock, pointers: number, strings: number): number {
    requireWritable(memory, pointers >>> 0, block.count * 4);
    requireWritable(memory, strings >>> 0, block.sizeBytes);
    block.copyOut(memory, pointers >>> 0, strings >>> 0);
    return 0;
  }

  function sizes(block: StringBlock, count: number, size: number): number {
    requireWritable(memory, count >>> 0, 4);
    requireWritable(memory, size >>> 0, 4);
    memory.writeU32(count >>> 0, block.count);
    memory.writeU32(size >>> 0, block.sizeBytes);
    return 0;
  }

  return {
    args_get: (argv: number, strings: number) => get(args, argv, strings),
    args_sizes_get: (count: number, size: number) => sizes(args, count, size),
    environ_get: (pointers: number, strings: number) => get(environ, pointers, strings),
    environ_sizes_get: (count: number, size: number) => sizes(environ, count, size),
  };
}
