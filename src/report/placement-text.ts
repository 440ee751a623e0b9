// Exercises in placing blocks, their solutions and their grades, for people.

import {
  fitRules,
  type Hole,
  type PlacementExercise,
  type PlacementRequest,
  type PlacementStep,
  type SolvedPlacement,
} from '../lab/index.ts';
import { tableLines } from './columns.ts';
import { formatCountOf } from './quantities.ts';

/** Cells of the widest map that is drawn. */
const MOST_CELLS = 64;

/** Returns a free list as people write it: `40+24 104+128`, or `-` if nothing is free. */
export function formatFreeList(holes: readonly Hole[]): string {
  return holes.length === 0 ? '-' : holes.map(formatHole).join(' ');
}

const formatHole = ({ start, bytes }: Hole): string => `${start}+${bytes}`;

function formatRequest(request: PlacementRequest): string {
  return request.kind === 'malloc' ? `${request.name} = malloc ${request.bytes}` : `free ${request.name}`;
}

/** Returns the text of an exercise, with a line break at its end. */
export function formatPlacement(exercise: PlacementExercise): string {
  const { title, requests, fits, holes } = exercise;
  const width = String(requests.length).length;
  return `${[
    title,
    '',
    ...requests.map((request, at) => `  ${String(at + 1).padStart(width)}  ${formatRequest(request)}`),
    '',
    `Free at first (start+bytes): ${formatFreeList(holes)}`,
    conditions(exercise),
    fits.length === 1
      ? 'At which address does each block go, and what is free after each step?'
      : 'At which address does each block go, and what is free after each step, under each of these?',
    '',
    ...fits.map((fit) => `${`${fit} fit`.padEnd('worst fit'.length)}  ${fitRules[fit]}`),
  ].join('\n')}\n`;
}

function conditions({ headerBytes, roundTo, coalescing }: PlacementExercise): string {
  const header = headerBytes === 0 ? '' : `A header of ${headerBytes} bytes lies before each block; its address is behind it. `;
  const rounded = roundTo === 1 ? '' : `What a block takes is rounded up to a multiple of ${roundTo}. `;
  const joins = coalescing === 'immediate' ? 'it joins the holes beside it' : 'it stays a hole by itself: nothing is joined';
  return `${header}${rounded}A block takes the low end of its hole, and the rest stays a hole; when it is given back, ${joins}.`;
}

/** Returns the solution with one fit, with a line break at its end. */
export function formatSolvedPlacement({ fit, steps, failures }: SolvedPlacement, { holes }: PlacementExercise): string {
  const end = Math.max(...holes.map(({ start, bytes }) => start + bytes));
  const cell = cellBytes(steps, end);
  const table = {
    head: ['step', 'request', 'address', ...(cell === 0 ? [] : ['the heap']), 'free list afterwards', 'largest'],
    rows: steps.map((step, at) => [
      `${at + 1}`,
      formatRequest(step.request),
      step.request.kind === 'malloc' ? formatPlace(step.address) : '',
      ...(cell === 0 ? [] : [drawn(step, end, cell)]),
      formatFreeList(step.freeList),
      `${largestOf(step.freeList)}`,
    ]),
    keys: cell === 0 ? 4 : 5,
    keysAre: 'words' as const,
  };
  const mallocs = steps.filter(({ request }) => request.kind === 'malloc').length;
  return `${[
    `${fit} fit: ${formatCountOf(mallocs, 'block')} asked for, ${failures === 0 ? 'none' : failures} without a place`,
    '',
    ...tableLines(table, Number.POSITIVE_INFINITY).map((line) => line.trimEnd()),
    '',
    ...steps.flatMap((step, at) => reasonLines(step, at + 1)),
    lastLine(steps),
  ].join('\n')}\n`;
}

/** Returns an address as answers have it: `-` where no hole was large enough. */
export function formatPlace(address: number | null): string {
  return address === null ? '-' : `${address}`;
}

/** Bytes of a cell of the map, so that every boundary falls between two; 0 if there would be too many cells. */
function cellBytes(steps: readonly PlacementStep[], end: number): number {
  const boundaries = steps.flatMap(({ freeList, blocks }) => [...freeList, ...blocks].flatMap(({ start, bytes }) => [start, bytes]));
  const unit = boundaries.reduce(greatestCommonDivisor, end);
  return end / unit > MOST_CELLS ? 0 : unit;
}

function greatestCommonDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestCommonDivisor(other, one % other);
}

/** A letter per cell; `.` is free, `#` belongs to nobody. */
function drawn({ freeList, blocks }: PlacementStep, end: number, cell: number): string {
  const cells = new Array<string>(end / cell).fill('#');
  for (const { start, bytes } of freeList) cells.fill('.', start / cell, (start + bytes) / cell);
  for (const { name, start, bytes } of blocks) cells.fill(name.charAt(0), start / cell, (start + bytes) / cell);
  return cells.join('');
}

/** Why, where there was a choice or a join. */
function reasonLines({ request, address, candidates, hole, joined }: PlacementStep, step: number): string[] {
  if (request.kind === 'free') {
    if (address === null) return [`  step ${step}: ${request.name} has no place, so there is nothing to give back`];
    if (hole === null || joined.length === 0) return [];
    return [
      `  step ${step}: ${request.name} joins the ${joined.length === 2 ? 'holes on both sides' : `hole ${joined[0]} it`}: ${formatHole(hole)}`,
    ];
  }
  if (hole === null) return [`  step ${step}: no hole is large enough for ${request.name}`];
  if (candidates.length < 2) return [];
  return [`  step ${step}: of the holes ${formatFreeList(candidates)}, ${request.name} takes ${formatHole(hole)}`];
}

function lastLine(steps: readonly PlacementStep[]): string {
  const holes = steps.at(-1)?.freeList ?? [];
  const free = holes.reduce((sum, { bytes }) => sum + bytes, 0);
  return `  at the end ${free} bytes are free in ${formatCountOf(holes.length, 'hole')}, the largest of ${largestOf(holes)}`;
}

function largestOf(holes: readonly Hole[]): number {
  return Math.max(0, ...holes.map(({ bytes }) => bytes));
}
