// The contract of a replacement policy: which resident page should go? Policies see page ids and bits, no kernel types.
// The same object runs in the kernel's page daemon and in the trace simulator.
//
// Protocol: a page becomes known by `loaded`; it leaves by `removed` (freed, unmapped) or by being returned from `victim`.
// A caller that decides to keep a victim calls `loaded` again.
//
// Invariants (quoted by `check`):
//   RP1  a page is known at most once; size = number of known pages
//   RP2  victim returns a known page and forgets it, or -1 when none is known
//   RP3  the same calls, bits and seed give the same victims

/** Reference and modified bits as the hardware keeps them; in the kernel the pmap answers, in the simulator the replay loop. */
export interface PageBits {
  /** Returns whether the page was referenced since the last call, and clears the bit. */
  testAndClearReferenced(page: number): boolean;
  /** Returns whether the page was written since it was last clean. */
  isModified(page: number): boolean;
}

/** What a policy is built over. */
export interface PolicyOptions {
  /** Page ids are integers in [0, capacity). */
  readonly capacity: number;
  readonly bits: PageBits;
  /** Seed of every random choice. */
  readonly seed: number;
  /**
   * What a page holds, as 32 bits: for policies that recognise a content that left and is loaded again, under another id. Two contents
   * with one number only mislead them. Default: the id itself.
   */
  readonly identityOf?: (page: number) => number;
  /** Whether the access that loads a page sets its reference bit after `loaded`, as a kernel's does. Default `clear`. */
  readonly bitAtLoad?: 'clear' | 'set';
}

/** A replacement policy over page ids. All calls are O(1) amortized and allocate nothing. */
export interface ReplacementPolicy {
  readonly name: string;
  /** `bits`: needs only the reference bits that hardware gives, so a kernel can run it; `references`: must see every reference through `touched`. */
  readonly sees: 'bits' | 'references';
  /** Known pages. */
  readonly size: number;
  /** Pages that were passed over because their reference bit was set. */
  readonly reactivations: number;
  /** A page became resident. Panics (RP1) if it is known. */
  loaded(page: number): void;
  /** A page left for reasons of its own. Panics (RP1) if it is not known. */
  removed(page: number): void;
  /** Chooses a page to give up and forgets it; -1 when none is known. */
  victim(): number;
  /** A known page was referenced. Only for policies that see `references`. */
  touched?(page: number): void;
  /** Advice that a known page will not be needed soon. Policies without the notion ignore it. */
  demoted?(page: number): void;
  /** Tells whether `page` is known. */
  has(page: number): boolean;
  /** Walks everything; panics at the first broken invariant. */
  check(): void;
}

/** Makes a policy by name. */
export interface PolicyKind {
  readonly name: string;
  readonly sees: 'bits' | 'references';
  make(options: PolicyOptions): ReplacementPolicy;
}
