// The flat reference model of address spaces: what every byte must be, with no laziness and no paging.
// A page is a Uint8Array of its own; shared areas and files hold the same array. A private page of a file shows the file
// until its first write (POSIX leaves this open; UVM, and Linux, do so).
import { PAGE_SIZE } from '../../src/base/index.ts';
import { PROT_READ, PROT_WRITE } from '../../src/system/index.ts';

interface ModelPage {
  bytes: Uint8Array;
  /** Private, and still the file's own array. */
  ofFile: boolean;
  protection: number;
  sharing: 'private' | 'shared';
}

export class ModelSpace {
  readonly pages = new Map<number, ModelPage>();

  map(first: number, count: number, protection: number, sharing: 'private' | 'shared', file?: Uint8Array[], fileOffset = 0): void {
    for (let i = 0; i < count; i++) {
      const source = file?.[fileOffset + i];
      const ofFile = source !== undefined && sharing === 'private';
      this.pages.set(first + i, { bytes: source ?? new Uint8Array(PAGE_SIZE), ofFile, protection, sharing });
    }
  }

  unmap(first: number, count: number): void {
    for (let i = 0; i < count; i++) this.pages.delete(first + i);
  }

  fork(): ModelSpace {
    const child = new ModelSpace();
    for (const [page, { bytes, ofFile, protection, sharing }] of this.pages) {
      const same = sharing === 'shared' || ofFile;
      child.pages.set(page, { bytes: same ? bytes : bytes.slice(), ofFile, protection, sharing });
    }
    return child;
  }

  /** Returns the bytes if the access is allowed. */
  access(page: number, kind: 'read' | 'write'): Uint8Array | undefined {
    const found = this.pages.get(page);
    if (found === undefined) return undefined;
    if ((found.protection & (kind === 'read' ? PROT_READ : PROT_WRITE)) === 0) return undefined;
    if (kind === 'write' && found.ofFile) {
      found.bytes = found.bytes.slice();
      found.ofFile = false;
    }
    return found.bytes;
  }
}
