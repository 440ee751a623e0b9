// A program as the processes of a multiprogrammed memory run it: its references, in pages of any size, made from a trace in blocks of 4 KiB.
//
//   block ids (dense) -> block numbers -> page numbers = block number / blocks per page -> page ids (dense, in order of appearance)
//
// What the trace tells about a page beyond its references: which page follows it in the address space (for fault-ahead), and how many of
// its blocks are never referred to (internal fragmentation). Pages that no reference is to do not exist here.

import { Densifier } from '../densifier.ts';

/** Bytes of a block: what traces are counted in, and the smallest page. */
export const BLOCK_BYTES = 4096;

/** The references of one program. Several processes may run one program. */
export interface Program {
  readonly name: string;
  /** Page of each reference: dense ids. */
  readonly ids: Uint32Array;
  /** For each reference 1 if it writes, any other number if not. */
  readonly writes: Uint8Array;
  /** Distinct pages: ids are below it. */
  readonly pages: number;
  readonly pageBytes: number;
  /** For each page the one with the next number, or -1. */
  readonly following: Int32Array;
  /** For each page its blocks that no reference is to. */
  readonly unusedBlocks: Uint16Array;
}

/** What a program is made from. */
export interface ProgramSource {
  readonly name: string;
  /** Block of each reference: dense ids. */
  readonly blocks: Uint32Array;
  readonly writes: Uint8Array;
  /** For each dense id the block's number in the trace. */
  readonly blockNumbers: Float64Array;
  /** A power of two up to 2^15. */
  readonly blocksPerPage: number;
}

/** Makes a program. Where a page is a block, the references are the source's own array. */
export function programOf({ name, blocks, writes, blockNumbers, blocksPerPage }: ProgramSource): Program {
  const densifier = new Densifier();
  const pageOfBlock = new Uint32Array(blockNumbers.length);
  densifier.densify(
    blockNumbers.map((number) => Math.floor(number / blocksPerPage)),
    pageOfBlock,
  );
  const pages = densifier.pages;
  const unusedBlocks = new Uint16Array(pages).fill(blocksPerPage);
  for (const page of pageOfBlock) unusedBlocks[page] = (unusedBlocks[page] as number) - 1;
  return {
    name,
    ids: blocksPerPage === 1 ? blocks : blocks.map((block) => pageOfBlock[block] as number),
    writes,
    pages,
    pageBytes: blocksPerPage * BLOCK_BYTES,
    following: followingPages(densifier),
    unusedBlocks,
  };
}

function followingPages(densifier: Densifier): Int32Array {
  const following = new Int32Array(densifier.pages).fill(-1);
  const order = Uint32Array.from(following.keys()).sort((a, b) => densifier.rawOf(a) - densifier.rawOf(b));
  order.forEach((page, place) => {
    const next = order[place + 1];
    if (next !== undefined && densifier.rawOf(next) === densifier.rawOf(page) + 1) following[page] = next;
  });
  return following;
}
