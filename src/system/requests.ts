// What a process may ask for, in the manager's words: mappings, advice, inheritance, limits; and the checks of arguments that every
// manager makes the same way.

import { type Errno, PAGE_SIZE, pageAtOrAfter, pageOf } from '../base/index.ts';
import type { MemoryObject } from './memory-object.ts';

/** Rights of an area, combined with `|`. */
export const PROT_NONE = 0;
/** Loads. */
export const PROT_READ = 1;
/** Stores. */
export const PROT_WRITE = 2;
/** Instruction fetches. */
export const PROT_EXECUTE = 4;
/** All of them. */
export const PROT_ALL = PROT_READ | PROT_WRITE | PROT_EXECUTE;

/**
 * Where something is to go. `fixed`: exactly at `address`, replacing what is there. `hint`: there if free and inside the mmap area.
 * Not given: a hole of the mmap area, by the layout's `placement`.
 */
export interface Place {
  readonly how: 'fixed' | 'hint';
  readonly address: number;
}

/** What to map. */
export interface MapRequest {
  /** Bytes, rounded up to whole pages. */
  readonly size: number;
  readonly protection: number;
  /** `private`: writes are the process's own (copy-on-write). `shared`: writes reach the object. */
  readonly sharing: 'private' | 'shared';
  /** The object behind the area; anonymous memory without. */
  readonly object?: MemoryObject;
  /** Byte offset in the object, a multiple of the page size. */
  readonly offset?: number;
  readonly place?: Place;
  /** `reserved`: addresses only, without rights and without a charge, until `commit`; private anonymous memory only. Default `committed`. */
  readonly commitment?: 'committed' | 'reserved';
  /**
   * The area is a stack: a fault below it makes it larger, down to `limit` (a multiple of the page size, at or below its start), as long
   * as a guard gap of one page to the area below is left. Private anonymous memory only.
   */
  readonly growsDown?: { readonly limit: number };
  /** Shown in the address map: `image`, `heap`, `stack`, a file's name. */
  readonly name?: string;
}

/**
 * How a range will be used. `normal`, `random`, `sequential` stay with the area and set what a fault looks at around its page.
 * `willNeed` brings in what is not in memory, as far as memory is free; `dontNeed` makes the pages the first to be evicted and keeps
 * their content; `free` gives private anonymous content up: the pages read as zeros again (an area that a child shares keeps its pages,
 * demoted).
 */
export type Advice = 'normal' | 'random' | 'sequential' | 'willNeed' | 'dontNeed' | 'free';

/** What a child gets of an area at fork: nothing, the same pages, a copy (copy-on-write), or a fresh area of zeros. */
export type Inheritance = 'none' | 'share' | 'copy' | 'zero';

/** Which areas `lockAll` wires: those there are, those mapped from now on, or both. */
export type LockScope = 'current' | 'future' | 'both';

/** Bounds of what one space may take; a bound not given does not apply. All in bytes. */
export interface SpaceLimits {
  /** Mapped and reserved addresses (RLIMIT_AS): map, grow and remap return ENOMEM beyond it. */
  readonly addressBytes?: number;
  /** Memory committed: private writable and anonymous areas: map, grow, commit and protect return ENOMEM beyond it. */
  readonly committedBytes?: number;
  /** Locked memory (RLIMIT_MEMLOCK): lock and lockAll return ENOMEM beyond it. */
  readonly lockedBytes?: number;
}

/** What a space takes, in bytes. */
export interface SpaceUsage {
  readonly addressBytes: number;
  readonly committedBytes: number;
  readonly lockedBytes: number;
  readonly residentBytes: number;
}

/** Bounds of a new space. */
export interface SpaceLayout {
  /** Lowest and highest byte address that may be mapped. */
  readonly low: number;
  readonly high: number;
  /** Where brk starts and up to where it may grow; mappings without a place are put above the limit. */
  readonly breakStart: number;
  readonly breakLimit: number;
  /**
   * Which hole a mapping without a place gets: the highest place (the default), the lowest, the lowest of the smallest hole that is large
   * enough, or one at random, by the machine's seed, so that addresses cannot be guessed.
   */
  readonly placement?: 'topDown' | 'firstFit' | 'bestFit' | 'random';
  /**
   * `lazy`: the process takes memory as a promise that may be broken. When there is none left it is ended, to its own request or to
   * another's. A child's space is as its parent's. Default: a request is refused, and nobody is ended for others.
   */
  readonly allocation?: 'lazy';
}

/** Pages [first, end). */
export interface PageRange {
  readonly first: number;
  readonly end: number;
}

/** Returns the pages of [start, start + size), or EINVAL: start off a page boundary, nothing or a negative size, or outside the space. */
export function pageRange({ high }: SpaceLayout, start: number, size: number): PageRange | Errno {
  const end = start + size;
  const sound = start % PAGE_SIZE === 0 && size > 0 && start >= 0 && end <= high;
  return sound ? { first: pageOf(start), end: pageAtOrAfter(end) } : 'EINVAL';
}
