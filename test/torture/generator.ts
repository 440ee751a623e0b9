// Scripts from seeds. The seed chooses the machine (policy, allocator, RAM, swap) and the steps; whatever it is, the same seed gives the same
// script. A call that a manager does not have is left out.

import { PAGE_SIZE, Random } from '../../src/base/index.ts';
import type { LargePages } from '../../src/pmap/index.ts';
import type { Advice, Inheritance, LockScope, SpaceLimits } from '../../src/system/index.ts';
import { frameAllocatorNames, kernelHeapNames, kernelMapChoices, policyNames } from '../../src/systems/index.ts';
import { LARGE_PAGES } from './eights.ts';
import {
  AREA_FIRST,
  AREA_PAGES,
  BREAK_FIRST,
  BREAK_LIMIT,
  OBJECT_COUNT,
  OBJECT_PAGES,
  type Placing,
  type Script,
  SPACE_PAGES,
  type Step,
  type StepName,
  type StepOf,
  TOP_PAGES,
} from './script.ts';

/** How a script is made. */
export interface ScriptRequest {
  readonly seed: number;
  readonly steps: number;
  readonly system: string;
  /** The calls that the system has. */
  readonly calls: ReadonlySet<StepName>;
  /** The policy, if the seed is not to choose it. */
  readonly policy?: string;
}

/** Steps between two comparisons of every byte, and between two walks over all invariants. */
const VERIFY_EVERY = 1500;
const CHECK_EVERY = 600;

/** How often each step is drawn, in parts of all. Accesses are most of what a program does. */
const weights: Readonly<Record<Exclude<StepName, 'fill' | 'verify' | 'check'>, number>> = {
  store: 420,
  load: 300,
  map: 60,
  unmap: 28,
  protect: 34,
  brk: 16,
  fork: 14,
  exit: 14,
  sync: 10,
  remap: 14,
  advise: 20,
  inherit: 14,
  lock: 12,
  unlock: 14,
  lockAll: 3,
  unlockAll: 4,
  limit: 4,
  residency: 6,
  commit: 10,
  decommit: 6,
  kernelLoan: 10,
  endLoan: 10,
  kernelPages: 2,
  transfer: 5,
  lend: 8,
  pass: 10,
  lendWritable: 14,
  endWritableLoan: 5,
  swapOn: 2,
  swapOff: 2,
  reclaim: 8,
  renew: 4,
  tick: 4,
};
/** Fills, where there are large pages. */
const FILL_WEIGHT = 30;

/** Frames of a machine on which four spaces and all objects are much too large, from "nothing but swapping" to "now and then". */
const ROOMY_FRAMES = [96, 112, 160, 256];
const TIGHT_FRAMES = [40, 52, 72, 96];
/** Tables of 8 pages take up to 16 frames in each space. */
const LARGE_ROOMY_FRAMES = [160, 192, 256, 320];
const LARGE_TIGHT_FRAMES = [56, 72, 96, 128];
/** One script in this many has large pages, and one in that many another than the default kernel heap, and a kernel map. */
const LARGE_SHARE = 4;
const HEAP_SHARE = 2;
const KERNEL_MAP_SHARE = 4;
/** A machine whose kernel map gets no frames at boot is refused; so many frames suffice for that. */
const BOOT_FRAMES = 16;
const ROOMY_SWAP = 2048;
const TIGHT_SWAP = [16, 48, 128];
/** One script in this many is tight, and one in that many has injected failures. */
const TIGHT_SHARE = 4;
const FAILURES_SHARE = 4;
/** Where an injected failure may lie: requests of one kind in 10,000 steps. */
const FAILURE_RANGE = { frames: 4000, heap: 4000, reads: 1500, writes: 300 } as const;

/** Makes the script of a seed. */
export function makeScript({ seed, steps, system, calls, policy }: ScriptRequest): Script {
  const random = new Random(seed);
  const pick = <T>(choices: readonly T[]): T => choices[random.below(choices.length)] as T;
  const tight = random.below(TIGHT_SHARE) === 0;
  const failing = random.below(FAILURES_SHARE) === 0;
  const isLarge = random.below(LARGE_SHARE) === 0;
  const [tightFrames, roomyFrames] = isLarge ? [LARGE_TIGHT_FRAMES, LARGE_ROOMY_FRAMES] : [TIGHT_FRAMES, ROOMY_FRAMES];
  const kinds = ['frames', 'heap', 'reads', 'writes'] as const;
  return {
    seed,
    system,
    policy: policy ?? pick(policyNames),
    allocator: pick(frameAllocatorNames),
    kernelHeap: random.below(HEAP_SHARE) === 0 ? pick(kernelHeapNames.slice(1)) : (kernelHeapNames[0] as string),
    kernelMap: random.below(KERNEL_MAP_SHARE) === 0 ? pick(kernelMapChoices.slice(1)) : (kernelMapChoices[0] as string),
    largePages: isLarge ? 'promote' : 'never',
    frames: pick(tight ? tightFrames : roomyFrames),
    swapPages: tight ? pick(TIGHT_SWAP) : ROOMY_SWAP,
    memory: tight ? 'tight' : 'roomy',
    failures: failing ? kinds.map((kind) => ({ kind, at: BOOT_FRAMES + random.below(FAILURE_RANGE[kind]) })) : [],
    steps: makeSteps(random, steps, calls, isLarge ? 'promote' : 'never'),
  };
}

function makeSteps(random: Random, count: number, calls: ReadonlySet<StepName>, largePages: LargePages): Step[] {
  const names = (Object.keys(weights) as (keyof typeof weights)[]).filter((name) => calls.has(name));
  const drawn: DrawnName[] = names.flatMap((name) => Array.from({ length: weights[name] }, () => name));
  if (largePages === 'promote') for (let i = 0; i < FILL_WEIGHT; i++) drawn.push('fill');
  const draw = new Draw(random, largePages);
  return Array.from({ length: count }, (_, i): Step => {
    if (i % VERIFY_EVERY === VERIFY_EVERY - 1) return { do: 'verify' };
    if (i % CHECK_EVERY === CHECK_EVERY - 1) return { do: 'check' };
    return draw.step(drawn[random.below(drawn.length)] as DrawnName);
  });
}

type DrawnName = keyof typeof weights | 'fill';

/** Draws the numbers of steps. */
class Draw {
  readonly #random: Random;
  readonly #largePages: LargePages;

  constructor(random: Random, largePages: LargePages) {
    this.#random = random;
    this.#largePages = largePages;
  }

  step(name: DrawnName): Step {
    const space = this.#below(4);
    switch (name) {
      case 'load':
        return { do: name, space, page: this.#page(), offset: this.#below(PAGE_SIZE), size: this.#size() };
      case 'store':
        return { do: name, space, page: this.#page(), offset: this.#below(PAGE_SIZE), size: this.#size(), value: this.#below(256) };
      case 'fill':
        return { do: name, space, page: this.#page(), value: this.#below(256) };
      case 'map':
        return { ...this.#map(), space };
      case 'unmap':
      case 'sync':
      case 'unlock':
      case 'residency':
      case 'decommit':
        return { do: name, space, ...this.#range(12) };
      case 'lock':
        return { do: name, space, ...this.#range(4) };
      case 'protect':
        return { do: name, space, ...this.#range(8), protection: this.#protection() };
      case 'commit':
        return { do: name, space, ...this.#range(10), protection: this.#protection() };
      case 'advise':
        return { do: name, space, ...this.#range(16), advice: this.#pick(advices) };
      case 'inherit':
        return { do: name, space, ...this.#range(16), inheritance: this.#pick(inheritances) };
      case 'remap':
        return { do: name, space, ...this.#range(8), newPages: this.#small(12), how: this.#pick(remapKinds), target: this.#page() };
      case 'lockAll':
        return { do: name, space, scope: this.#pick(scopes) };
      case 'limit':
        return { do: name, space, ...this.#range(4), of: this.#pick(limits), room: 1 + this.#below(4) };
      case 'fork':
      case 'exit':
      case 'unlockAll':
        return { do: name, space };
      case 'brk':
        return { do: name, space, end: BREAK_FIRST + (this.#below(12) === 0 ? this.#below(60) - 4 : this.#below(12)) };
      case 'kernelLoan':
        return { do: name, space, page: this.#page(), ...this.#lentBytes() };
      case 'kernelPages':
        return { do: name, size: 1 + this.#below(3 * PAGE_SIZE) };
      case 'endLoan':
      case 'endWritableLoan':
        return { do: name, loan: this.#below(3) };
      case 'transfer':
        return { do: name, loan: this.#below(3), space, ...this.#place() };
      case 'lend':
      case 'lendWritable':
        return { do: name, space, ...this.#range(6), to: this.#below(4), ...this.#place() };
      case 'pass':
        return { do: name, space, ...this.#range(8), to: this.#below(4), mode: this.#pick(passModes), ...this.#place() };
      case 'swapOn':
        return { do: name, device: this.#below(2), priority: this.#below(3) };
      case 'swapOff':
        return { do: name, device: this.#below(2) };
      case 'reclaim':
        return { do: name, frames: 1 + this.#below(40) };
      case 'renew':
        return { do: name, object: this.#below(OBJECT_COUNT) };
      case 'tick':
        return { do: name };
    }
  }

  #map(): Omit<StepOf<'map'>, 'space'> {
    return this.#largePages === 'promote' && this.#below(3) === 0 ? this.#mapLarge() : this.#mapAny();
  }

  /** Memory that large pages can map: one or two. */
  #mapLarge(): Omit<StepOf<'map'>, 'space'> {
    const page = this.#page();
    return {
      do: 'map',
      ...{ page: page - (page % LARGE_PAGES), pages: LARGE_PAGES * (1 + this.#below(2)), how: 'fixed', object: -1 },
      ...{ protection: 3, sharing: 'private', offset: 0, commitment: 'committed', grows: 0 },
    };
  }

  #mapAny() {
    const object = this.#below(2) === 0 ? -1 : this.#below(OBJECT_COUNT);
    const pages = this.#below(60) === 0 ? 0 : this.#small(16);
    const room = OBJECT_PAGES - pages;
    return {
      do: 'map',
      ...{ page: this.#page(), pages, how: this.#placing(), object },
      protection: this.#protection(),
      sharing: this.#below(5) < 2 ? 'shared' : 'private',
      offset: object < 0 ? 0 : this.#below(40) === 0 ? OBJECT_PAGES - 1 : this.#below(room + 1),
      commitment: this.#below(12) === 0 ? 'reserved' : 'committed',
      grows: this.#below(4) === 0 ? this.#small(16) : 0,
    } as const;
  }

  #below(bound: number): number {
    return this.#random.below(bound);
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)] as T;
  }

  /** Mostly in the area, else in the heap or at the top of the space. */
  #page(): number {
    const roll = this.#below(10);
    if (roll === 0) return BREAK_FIRST + this.#below(10);
    if (roll === 1) return SPACE_PAGES - 1 - this.#below(TOP_PAGES);
    if (roll === 2 && this.#below(6) === 0) return BREAK_LIMIT + this.#below(SPACE_PAGES - BREAK_LIMIT);
    return AREA_FIRST + this.#below(AREA_PAGES);
  }

  #range(most: number) {
    return { page: this.#page(), pages: this.#below(100) === 0 ? 0 : this.#small(most) };
  }

  /** 1 to `most`, small ones more often. */
  #small(most: number): number {
    return 1 + Math.min(this.#below(most), this.#below(most));
  }

  /** Bytes of an access: a few, now and then pages. */
  #size(): number {
    const roll = this.#below(12);
    if (roll === 0) return 1 + this.#below(3 * PAGE_SIZE);
    return roll < 4 ? 1 + this.#below(256) : 1 + this.#below(8);
  }

  /** Writing without reading is not asked for: i386 entries cannot express it, and POSIX lets write imply read. */
  #protection(): number {
    return this.#pick([3, 3, 3, 3, 1, 0]);
  }

  #placing(): Placing {
    const roll = this.#below(10);
    return roll < 7 ? 'fixed' : roll < 9 ? 'anywhere' : 'hint';
  }

  /** Whole pages, which alone can be transferred, or any bytes. */
  #lentBytes() {
    if (this.#below(2) === 0) return { offset: 0, size: PAGE_SIZE * this.#small(3) };
    return { offset: this.#below(PAGE_SIZE), size: 1 + this.#below(3 * PAGE_SIZE) };
  }

  #place() {
    return { how: this.#placing(), target: this.#page() } as const;
  }
}

const advices: readonly Advice[] = ['normal', 'random', 'sequential', 'willNeed', 'dontNeed', 'free'];
const inheritances: readonly Inheritance[] = ['copy', 'copy', 'share', 'none', 'zero'];
const remapKinds = ['here', 'anywhere', 'fixed'] as const;
const scopes: readonly LockScope[] = ['current', 'future', 'both'];
const limits: readonly (keyof SpaceLimits)[] = ['addressBytes', 'committedBytes', 'lockedBytes'];
const passModes = ['share', 'copy', 'move'] as const;
