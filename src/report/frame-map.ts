// RAM as text, one letter per frame: whose page is where.
//
//   .  free      #  the kernel's: tables, heap      letter  a process's page      +  a page of several      ~  a page that nobody maps now

import { addressOf, type Pfn, pageOf } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import type { Machine, MemorySystem, Space } from '../system/index.ts';

const FRAMES_PER_LINE = 64;

/** A space and the letter for its pages. */
export interface LetteredSpace {
  readonly letter: string;
  readonly space: Space;
}

/** Returns the frames of a machine, 64 to a line. */
export function frameMap(machine: Machine, system: MemorySystem, spaces: readonly LetteredSpace[]): string[] {
  const cells = Array.from({ length: machine.ram.frameCount }, (_, frame) => emptyCell(machine, frame as Pfn));
  for (const { letter, space } of spaces) {
    for (const frame of mappedFrames(machine, system, space)) {
      const others = cells[frame];
      cells[frame] = others === '~' || others === letter ? letter : '+';
    }
  }
  const lines: string[] = [];
  for (let first = 0; first < cells.length; first += FRAMES_PER_LINE) lines.push(cells.slice(first, first + FRAMES_PER_LINE).join(''));
  return lines;
}

function emptyCell({ frames }: Machine, frame: Pfn): string {
  const kind = frames.table.kind(frame);
  const isFree = kind === FrameKind.free || kind === FrameKind.zeroed || kind === FrameKind.promised || kind === FrameKind.spared;
  if (isFree) return '.';
  return kind === FrameKind.anon || kind === FrameKind.object ? '~' : '#';
}

function* mappedFrames(machine: Machine, system: MemorySystem, space: Space): Iterable<number> {
  for (const { start, end } of system.areas(space)) {
    for (let page: number = pageOf(start); addressOf(page) < end; page++) {
      const frame = machine.pmaps.extract(space.pmap, page);
      if (frame > 0) yield frame;
    }
  }
}

/** Returns how many pieces the pages of a space are in: runs of frames that lie side by side. */
export function piecesOf(machine: Machine, system: MemorySystem, space: Space): number {
  const frames = [...mappedFrames(machine, system, space)].sort((a, b) => a - b);
  return frames.filter((frame, index) => index === 0 || frames[index - 1] !== frame - 1).length;
}
