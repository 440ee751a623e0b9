// From a path to a directory and a name in it: the one place that knows slashes, `.`, `..` and symbolic links, for every file system.
// It is also the sandbox: whatever the guest passes, and whatever links it made, the walk stays below the directory it started from.
//
//   stack                      pending
//   [start]                    a  ..  link  x
//   [start, a]                 ..  link  x        a directory is pushed
//   [start]                    link  x            `..` pops; popping the start is ENOTCAPABLE
//   [start]                    t  u  x            a link to "t/u" is replaced by its parts; to "/t": ENOTCAPABLE
//   [start, t, u]              x                  the last name is returned, looked up but not opened
//
//   PW1  every directory on the stack was reached from the one below it by one name that was not a link
//   PW2  the walk never goes below stack[0], neither by `..` nor by a link, so no guest path escapes its descriptor's directory
//   PW3  at most MAX_LINKS links are followed, so it ends
// `..` after a link is the parent of the link's target (the physical meaning, as in POSIX), because links are expanded where they stand.
// Errors: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, ENOTCAPABLE (leaves the directory, or absolute).

import { WasiError } from './errno.ts';
import { type Directory, FileType } from './file-system.ts';

/** Links followed in one walk before ELOOP; Linux allows 40, POSIX asks for at least 8. */
const MAX_LINKS = 40;
/** The longest name, in UTF-16 units: the limit of most file systems, some of which count bytes and answer ENAMETOOLONG earlier themselves. */
const MAX_NAME_UNITS = 255;

/** Where a path leads: a name in a directory, looked up. */
export interface Place {
  readonly directory: Directory;
  /** The name, or `.` when the path means the directory itself. */
  readonly name: string;
  /** What is there; undefined if nothing is. */
  readonly type: FileType | undefined;
  /** Whether the path ended with a slash: then it means a directory, and `type` is `directory` or undefined. */
  readonly slash: boolean;
}

/**
 * What to do with a symbolic link at the very end of a path: `follow` it; stop at it (`stop`) unless a slash comes after it;
 * or `never` follow it, not even before a slash (for removing and renaming).
 */
export type LastLink = 'follow' | 'stop' | 'never';

/**
 * Walks `path` from `start`.
 * @param path not empty, without NUL.
 * @returns the place; its name may not exist, everything before it does.
 */
export function walk(start: Directory, path: string, lastLink: LastLink): Place {
  if (path === '') throw new WasiError('ENOENT');
  if (path.startsWith('/')) throw new WasiError('ENOTCAPABLE');
  start.confirm();
  return new Walk(start, path, lastLink).run();
}

class Walk {
  readonly #stack: Directory[];
  readonly #pending: string[];
  readonly #lastLink: LastLink;
  #slash: boolean;
  #links = 0;

  constructor(start: Directory, path: string, lastLink: LastLink) {
    this.#stack = [start];
    this.#pending = partsOf(path).reverse();
    this.#slash = endsAsDirectory(path);
    this.#lastLink = lastLink;
  }

  run(): Place {
    for (;;) {
      const name = this.#pending.pop();
      if (name === undefined) return { directory: this.#top(), name: '.', type: FileType.directory, slash: this.#slash };
      if (name === '..') this.#ascend();
      else {
        if (name.length > MAX_NAME_UNITS) throw new WasiError('ENAMETOOLONG');
        const place = this.#step(name);
        if (place !== undefined) return place;
      }
    }
  }

  /** Handles one name; returns the place if it is the last. */
  #step(name: string): Place | undefined {
    const directory = this.#top();
    const type = directory.typeOf(name);
    const isLast = this.#pending.length === 0;
    if (type === FileType.symbolicLink && (!isLast || this.#followsLast())) {
      this.#expand(directory.readLink(name));
      return undefined;
    }
    if (isLast) {
      if (this.#slash && type !== undefined && type !== FileType.directory) throw new WasiError('ENOTDIR');
      return { directory, name, type, slash: this.#slash };
    }
    if (type === undefined) throw new WasiError('ENOENT');
    if (type !== FileType.directory) throw new WasiError('ENOTDIR');
    this.#stack.push(directory.directory(name));
    return undefined;
  }

  #followsLast(): boolean {
    return this.#lastLink === 'follow' || (this.#lastLink === 'stop' && this.#slash);
  }

  #expand(target: string): void {
    if (++this.#links > MAX_LINKS) throw new WasiError('ELOOP');
    if (target === '') throw new WasiError('ENOENT');
    if (target.startsWith('/')) throw new WasiError('ENOTCAPABLE');
    if (this.#pending.length === 0) this.#slash ||= endsAsDirectory(target);
    const parts = partsOf(target);
    for (let i = parts.length - 1; i >= 0; i--) this.#pending.push(parts[i] as string);
  }

  #ascend(): void {
    if (this.#stack.length === 1) throw new WasiError('ENOTCAPABLE');
    this.#stack.pop();
  }

  #top(): Directory {
    return this.#stack[this.#stack.length - 1] as Directory;
  }
}

/** Splits a path into its parts, without empty ones and `.`, which mean nothing inside a path. */
function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** Tells whether a path can only mean a directory: it ends with `/` or `/.`. */
function endsAsDirectory(path: string): boolean {
  return path.endsWith('/') || path.endsWith('/.');
}
