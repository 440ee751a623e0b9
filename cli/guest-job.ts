// What is done with an allocator that may do anything: it is checked, or judged on a trace. On a thread of its own (guest-worker.ts).

import { pathToFileURL } from 'node:url';
import { UsageError } from '../src/base/index.ts';
import {
  type CheckFinding,
  type CheckNews,
  type ContentCheck,
  capacityOf,
  type Emulated,
  type GuestCalls,
  guestBase,
  guestSubject,
  type HeapProfile,
  type HeapSubject,
  heapChecks,
  jsGuestCalls,
  type ReplaySpeed,
  WasmGuest,
} from '../src/lab/index.ts';
import type { MallocTrace } from '../src/trace/index.ts';
import { readProgram } from './run-options.ts';

/** How a guest's subjects are made. */
export interface GuestSetting {
  readonly path: string;
  readonly limitBytes: number;
  readonly alignment: 8 | 16;
}

/** What to do. */
export type GuestWork =
  /** All checks from number `from` on. */
  | { readonly kind: 'checks'; readonly seed: number; readonly scripts: number; readonly from: number }
  | ({ readonly kind: 'judge' } & JudgeWork);

/** A trace to be replayed: for what is wrong and how much room it takes, then against the clock. */
export interface JudgeWork {
  readonly trace: MallocTrace;
  readonly contents: ContentCheck;
  readonly points: number;
  /** Of timing; 0: none. */
  readonly milliseconds: number;
  /** After which a replay is given up. */
  readonly mostMilliseconds: number;
}

/** What comes of it. */
export type GuestAnswer =
  | { readonly kind: 'started'; readonly emulated: readonly Emulated[]; readonly capacityBytes: number }
  | { readonly kind: 'news'; readonly news: CheckNews }
  | { readonly kind: 'checked'; readonly check: number; readonly finding: CheckFinding | undefined }
  | { readonly kind: 'profiled'; readonly profile: HeapProfile }
  | { readonly kind: 'timed'; readonly speed: ReplaySpeed }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'done' };

/** A maker of subjects, each with an empty heap. */
export type MakeSubject = () => HeapSubject;

/** Runs the checks on subjects that `make` makes. What a subject throws at its start is thrown. */
export function runChecks({ seed, scripts, from }: ChecksWork, make: MakeSubject, answer: (answer: GuestAnswer) => void): void {
  const capacityBytes = capacityOf(make);
  const { emulated = [] } = make() as HeapSubject & { readonly emulated?: readonly Emulated[] };
  answer({ kind: 'started', emulated, capacityBytes });
  const setting = { make, seed, scripts, capacityBytes, tell: (news: CheckNews) => answer({ kind: 'news', news }) };
  for (const [check, { run }] of heapChecks.entries()) {
    if (check >= from) answer({ kind: 'checked', check, finding: caught(() => run(setting)) });
  }
}

type ChecksWork = GuestWork & { readonly kind: 'checks' };

function caught(run: () => CheckFinding | undefined): CheckFinding | undefined {
  try {
    return run();
  } catch (error) {
    return { what: `a call did not return: ${error instanceof Error ? error.message : String(error)}`, call: 'lost' };
  }
}

/** Returns a maker of subjects of a guest's file. Throws a UsageError if it is none, or has not what an allocator must have. */
export async function guestMaker({ path, limitBytes, alignment }: GuestSetting): Promise<MakeSubject> {
  const bytes = readProgram(path);
  const calls = isWasm(bytes) ? wasmCalls(bytes, path, limitBytes) : await jsCalls(path, limitBytes);
  let base: number | undefined;
  return () => {
    // Before the heap itself is made: a module with one heap is emptied by that.
    base ??= guestBase(calls());
    return guestSubject(calls(), base, alignment);
  };
}

/** Tells whether a name after --allocator is a guest's path: it has a dot in its last part, as no name of Quire's has. */
export function isGuestPath(name: string): boolean {
  return /\.(wasm|m?js|cjs)$/i.test(name);
}

const isWasm = (bytes: Uint8Array): boolean => bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;

function wasmCalls(bytes: Uint8Array, path: string, limitBytes: number): () => GuestCalls {
  const guest = new WasmGuest(bytes, path);
  return () => guest.calls(limitBytes);
}

async function jsCalls(path: string, limitBytes: number): Promise<() => GuestCalls> {
  if (/\.wasm$/i.test(path)) throw new UsageError(`${path} is no WebAssembly module`);
  const exports = await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw new UsageError(`${path} cannot be loaded: ${String(error).split('\n')[0]}`);
  });
  return () => jsGuestCalls(exports as Readonly<Record<string, unknown>>, path, limitBytes);
}
