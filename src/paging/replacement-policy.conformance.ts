// What every replacement policy must do, whatever it prefers: a set is the reference, random sequences of calls are the questions.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PageBits } from './page-bits.ts';
import type { PolicyKind, ReplacementPolicy } from './replacement-policy.ts';

const CAPACITY = 70;

/** Bits that a test sets by hand. */
export class SettableBits implements PageBits {
  readonly referenced = new Set<number>();
  readonly modified = new Set<number>();

  testAndClearReferenced(page: number): boolean {
    return this.referenced.delete(page);
  }

  isModified(page: number): boolean {
    return this.modified.has(page);
  }
}

/** A policy as `ReplacementPolicy` has it, without what is said about it. Pages are known when they should be. */
interface PlainPolicy {
  loaded(page: number): void;
  removed(page: number): void;
  /** Called only while pages are known. */
  victim(): number;
  demoted?(page: number): void;
  /** The clock interrupt, of those that have one: who calls decides when. */
  tick?(): void;
}

/** What a plain policy is made over. */
interface PlainOptions {
  readonly bits: SettableBits;
  readonly identityOf: (page: number) => number;
  readonly bitAtLoad: 'clear' | 'set';
}

/** Makes a plain policy. */
export type MakePlain = (options: PlainOptions) => PlainPolicy;

/** Makes a policy over settable bits and loads `pages` in order. */
export function policyWith(kind: PolicyKind, pages: readonly number[], seed = 1): { policy: ReplacementPolicy; bits: SettableBits } {
  const bits = new SettableBits();
  const policy = kind.make({ capacity: CAPACITY, bits, seed });
  for (const page of pages) policy.loaded(page);
  return { policy, bits };
}

/** Takes every page, in the policy's order. */
export function drain(policy: ReplacementPolicy): number[] {
  const victims: number[] = [];
  for (let page = policy.victim(); page !== -1; page = policy.victim()) victims.push(page);
  return victims;
}

type Step = {
  readonly kind: 'load' | 'remove' | 'reference' | 'modify' | 'clean' | 'demote' | 'victim';
  readonly page: number;
};

const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('load', 'load', 'load', 'remove', 'reference', 'reference', 'modify', 'clean', 'demote', 'victim'),
    page: fc.integer({ min: 0, max: CAPACITY - 1 }),
  }),
  { maxLength: 300, size: 'max' },
);

/** Runs one step on policy and set; a victim is returned, everything else gives -1. */
function run(policy: ReplacementPolicy, bits: SettableBits, known: Set<number>, { kind, page }: Step): number {
  switch (kind) {
    case 'load':
      if (known.has(page)) expect(() => policy.loaded(page)).toThrow(/^RP1/);
      else {
        policy.loaded(page);
        known.add(page);
      }
      break;
    case 'remove':
      if (known.delete(page)) policy.removed(page);
      else expect(() => policy.removed(page)).toThrow(/^RP1/);
      break;
    case 'reference':
      if (known.has(page)) {
        bits.referenced.add(page);
      }
      break;
    case 'modify':
      bits.modified.add(page);
      break;
    case 'clean':
      bits.modified.delete(page);
      break;
    case 'demote':
      if (known.has(page)) policy.demoted?.(page);
      break;
    case 'victim': {
      const victim = policy.victim();
      expect(known.size === 0 ? victim === -1 : known.delete(victim), `victim ${victim}`).toBe(true);
      return victim;
    }
  }
  return -1;
}

function play(kind: PolicyKind, sequence: readonly Step[], seed: number): number[] {
  const { policy, bits } = policyWith(kind, [], seed);
  const known = new Set<number>();
  const victims = sequence.map((step) => {
    const victim = run(policy, bits, known, step);
    policy.check();
    expect(policy.size).toBe(known.size);
    return victim;
  });
  for (let page = 0; page < CAPACITY; page++) expect(policy.has(page)).toBe(known.has(page));
  expect(drain(policy).sort((a, b) => a - b)).toEqual([...known].sort((a, b) => a - b));
  expect(policy.victim()).toBe(-1);
  policy.check();
  return victims;
}

/** Declares the tests of one policy. */
export function describePolicy(kind: PolicyKind): void {
  describe(`ReplacementPolicy: ${kind.name}`, () => {
    test('keeps a set of pages, gives back each once, and repeats itself (RP1-RP3)', () => {
      fc.assert(
        fc.property(steps, fc.integer(), (sequence, seed) => {
          expect(play(kind, sequence, seed)).toEqual(play(kind, sequence, seed));
        }),
        { numRuns: 60 },
      );
    });

    test('says what it is', () => {
      const { policy } = policyWith(kind, []);
      expect(policy.name).toBe(kind.name);
      expect(policy.sees).toBe(kind.sees);
    });

    test('has no victim when it knows no page, before and after', () => {
      const { policy } = policyWith(kind, []);
      expect(policy.victim()).toBe(-1);
      policy.loaded(3);
      expect(policy.victim()).toBe(3);
      expect(policy.victim()).toBe(-1);
      policy.loaded(3);
      policy.removed(3);
      expect(policy.victim()).toBe(-1);
      policy.check();
    });

    test('panics (RP1) on ids outside its capacity, and changes nothing', () => {
      const { policy } = policyWith(kind, [0, CAPACITY - 1]);
      for (const page of [-1, CAPACITY, 0.5, Number.NaN]) {
        expect(() => policy.removed(page), `removed ${page}`).toThrow(/^RP1/);
        expect(policy.has(page)).toBe(false);
        expect(() => policy.loaded(page), `loaded ${page}`).toThrow(/^RP1/);
        if (policy.demoted !== undefined) expect(() => policy.demoted?.(page)).toThrow(/^RP1/);
      }
      policy.check();
      expect(policy.size).toBe(2);
    });

    test('gives a victim even when every reference bit is set for good', () => {
      const pages = [5, 1, 9, 30];
      const policy = kind.make({
        capacity: CAPACITY,
        bits: { testAndClearReferenced: () => true, isModified: () => true },
        seed: 1,
      });
      for (const page of pages) policy.loaded(page);
      expect(drain(policy).sort((a, b) => a - b)).toEqual([1, 5, 9, 30]);
    });

    test('a victim that is kept can be loaded again', () => {
      const { policy } = policyWith(kind, [1, 2, 3]);
      policy.loaded(policy.victim());
      policy.check();
      expect(drain(policy).sort()).toEqual([1, 2, 3]);
    });
  });
}

/** Returns whether a tick is due before the next victim of `size` pages, if `since` victims were taken after the last one: see ticks.ts. */
const isTickDue = (since: number, size: number): boolean => since >= Math.max(1, Math.floor(size / 4));

/** Runs a policy and a plain one side by side; every victim must be the same. Pages are loaded with clear bits, as frames are. */
function playBoth(kind: PolicyKind, make: MakePlain, sequence: readonly Step[], bitAtLoad: 'clear' | 'set'): void {
  const contents = new Map<number, number>();
  const identityOf = (page: number): number => contents.get(page) ?? page;
  const [bits, plainBits] = [new SettableBits(), new SettableBits()];
  const policy = kind.make({ capacity: CAPACITY, bits, seed: 1, identityOf, bitAtLoad });
  const plain = make({ bits: plainBits, identityOf, bitAtLoad });
  const known = new Set<number>();
  let sinceTick = 0;
  sequence.forEach(({ kind: what, page }, step) => {
    if (what === 'load' && !known.has(page)) {
      contents.set(page, (page + (step % 3)) % CAPACITY);
      for (const each of [bits, plainBits]) for (const set of [each.referenced, each.modified]) set.delete(page);
      for (const each of [policy, plain]) each.loaded(page);
      if (bitAtLoad === 'set') for (const each of [bits, plainBits]) each.referenced.add(page);
      known.add(page);
    } else if (what === 'remove' && known.delete(page)) for (const each of [policy, plain]) each.removed(page);
    else if (what === 'demote' && known.has(page)) for (const each of [policy, plain]) each.demoted?.(page);
    else if (what === 'reference' && known.has(page)) for (const each of [bits, plainBits]) each.referenced.add(page);
    else if (what === 'modify' && known.has(page)) for (const each of [bits, plainBits]) each.modified.add(page);
    else if (what === 'victim' && known.size > 0) {
      if (isTickDue(sinceTick, known.size)) {
        plain.tick?.();
        sinceTick = 0;
      }
      sinceTick++;
      const victim = plain.victim();
      expect(policy.victim(), `step ${step}`).toBe(victim);
      expect(known.delete(victim)).toBe(true);
    }
    policy.check();
  });
}

/** Declares that a policy chooses the victims that a plain one chooses, whatever it is told. */
export function describeLiveAgainstPlain(kind: PolicyKind, make: MakePlain, bitAtLoad: 'clear' | 'set' = 'clear'): void {
  test(`${kind.name} live, bit ${bitAtLoad} at load: chooses exactly what its definition, written plainly, does`, () => {
    fc.assert(
      fc.property(steps, (sequence) => playBoth(kind, make, sequence, bitAtLoad)),
      { numRuns: 100 },
    );
    // A memory that fills up to more pages than WSClock looks at for one victim.
    const random = (n: number, below: number): number => (Math.imul(n + 1, 0x9e3779b1) >>> 8) % below;
    const filling = Array.from({ length: 2_000 }, (_, n): Step => {
      const kinds = ['load', 'load', 'load', 'reference', 'modify', n % 500 < 250 ? 'load' : 'victim'] as const;
      return { kind: kinds[random(n, kinds.length)] as Step['kind'], page: random(7 * n, CAPACITY) };
    });
    playBoth(kind, make, filling, bitAtLoad);
  });
}
