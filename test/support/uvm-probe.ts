// What tests ask of a machine from outside: files that remember their I/O, and counts that do not go through the manager's own accounts.
import { PAGE_SIZE } from '../../src/base/index.ts';
import { FrameKind } from '../../src/frames/index.ts';
import { HeapUse } from '../../src/heap/index.ts';
import type { Process } from '../../src/process/index.ts';
import type { Machine, Pager } from '../../src/system/index.ts';
import type { TestedSystem } from './uvm-machine.ts';

/** A file (or, without `write`, an image) whose page i is filled with i + 1, that remembers which pages were moved. */
export class TestFile {
  readonly pages: Uint8Array[];
  readonly reads: number[] = [];
  readonly writes: number[] = [];
  readonly pager: Pager;
  /** While set, each read, or each write, fails. */
  broken: 'read' | 'write' | undefined;

  constructor(pages: number, kind: 'image' | 'file') {
    this.pages = Array.from({ length: pages }, (_, i) => new Uint8Array(PAGE_SIZE).fill(i + 1));
    this.pager = {
      kind,
      name: kind,
      pages,
      read: (index, into) => {
        if (this.broken === 'read') return 'EIO';
        this.reads.push(index);
        into.set(this.pages[index] as Uint8Array);
        return undefined;
      },
      ...(kind === 'file' && {
        write: (index: number, from: Uint8Array) => {
          if (this.broken === 'write') return 'EIO';
          this.writes.push(index);
          (this.pages[index] as Uint8Array).set(from);
          return undefined;
        },
      }),
    };
  }
}

/** What exists, as the frame table, the kernel heap and the swap slots say. */
export function countsOf(machine: Machine, system: TestedSystem) {
  const { heap, frames } = machine;
  // Blocks come in the heap's sizes: an entry of 56 bytes takes 64, an amap 48, an anon 16, a node of a radix index 256.
  return {
    anons: heap.bytesInUse(HeapUse.anon) / 16,
    anonFrames: frames.countOf(FrameKind.anon),
    objectFrames: frames.countOf(FrameKind.object),
    entries: heap.bytesInUse(HeapUse.mapEntry) / 64,
    amapBytes: heap.bytesInUse(HeapUse.amap),
    slots: system.swapSlots.used,
  };
}

/** Reads one byte as the program would: through the TLB, or a trap. */
export function load(process: Process, address: number): number {
  const byte = new Uint8Array(1);
  process.copyIn(address, byte);
  return byte[0] as number;
}

/** Writes one byte as the program would. */
export function store(process: Process, address: number, value: number): void {
  process.copyOut(address, Uint8Array.of(value));
}

/** Runs `action` and returns by how much each of the manager's counters moved, those that did not left out. */
export function counted(system: TestedSystem, action: () => void): Record<string, number> {
  const before = { ...system.statistics() } as unknown as Record<string, number>;
  action();
  const moved = Object.entries(system.statistics()).map(([name, value]) => [name, (value as number) - (before[name] as number)] as const);
  return Object.fromEntries(moved.filter(([, by]) => by !== 0));
}
