// Load control: who is swapped out whole when memory does not suffice for all, and who comes back.
//
//   out    when an interval thrashed, or a design has no page that is not needed: one of the processes in memory, while they are two or more
//            biggest   the one with the most frames          blocked   the one that has waited for its pages the longest
//            lowest    the one with the lowest priority: the last in order
//   in     first out, first in; its pages with one read (prepaged) or on demand
//            where designs know what processes need: if what it had, and a tenth of the memory, is free
//            else: if no interval has thrashed for ten intervals and the device was idle for half of the last
//          in any case if nothing else is in memory
//
// The tenth, the ten and the half are ours: without them who came back would be sent out again at once.
// Ties: the lower process number, but for `lowest`. Source: Denning 1980, "Working Sets Past and Present"; the choices as in Unix and in VMS.

import type { SharingProcess } from './process-table.ts';

/** Whom to swap out. */
export const swapChoices = ['biggest', 'blocked', 'lowest'] as const;

/** One of `swapChoices`. */
export type SwapChoice = (typeof swapChoices)[number];

/** How load control works. */
export interface LoadControl {
  readonly swapOut: SwapChoice;
  readonly comeBack: 'prepaged' | 'on demand';
}

/** Share of memory that stays free when a process comes back. */
const ROOM_SHARE = 1 / 10;
const CALM_INTERVALS = 10;
const IDLE_SHARE = 0.5;

/** Returns which of the processes in memory is to go; undefined if they are fewer than two. @param held frames of each process */
export function chooseToSwapOut(
  processes: readonly SharingProcess[],
  choice: SwapChoice,
  held: Int32Array,
  nowNs: number,
): SharingProcess | undefined {
  const inMemory = processes.filter(({ state }) => state !== 'out' && state !== 'done');
  if (inMemory.length < 2) return undefined;
  const weightOf = ({ number, state, sinceNs }: SharingProcess): number => {
    if (choice === 'biggest') return held[number] as number;
    if (choice === 'lowest') return number;
    return state === 'reading' || state === 'waiting' ? nowNs - sinceNs : -1;
  };
  return inMemory.reduce((chosen, process) => (weightOf(process) > weightOf(chosen) ? process : chosen));
}

/** What is known when someone may come back. */
export interface Room {
  readonly frames: number;
  readonly free: number;
  readonly needs: 'known' | 'unknown';
  readonly isAlone: boolean;
  readonly intervalsSinceThrashing: number;
  /** Share of the last interval in which the device was at work. */
  readonly deviceUse: number;
}

/** Tells whether there is room for a process that is out. */
export function hasRoomFor({ saved }: SharingProcess, room: Room): boolean {
  if (room.isAlone) return true;
  if (room.needs === 'known') return room.free >= Math.max(1, saved.length) + Math.floor(room.frames * ROOM_SHARE);
  return room.intervalsSinceThrashing >= CALM_INTERVALS && room.deviceUse < IDLE_SHARE;
}
