// The result of an experiment that a publication also made: its numbers beside ours, for two systems and their ratio.
//
//   row       label       published: BSD VM, UVM, UVM/BSD     here: BSD VM, UVM, UVM/BSD     counters that explain them
//
// Ratios are what can be compared: a machine of 1998 and this one differ, two managers on one machine do so by their design.

/** One quantity under two systems. A number that was not published, or does not exist, is null. */
export interface Sides {
  readonly bsd: number | null;
  readonly uvm: number | null;
  /** uvm / bsd, unless the row says of what. */
  readonly ratio: number | null;
}

/** One measurement. */
export interface ComparisonRow {
  readonly label: string;
  /** The curve this point belongs to, where there are several. */
  readonly curve?: string;
  /** Its place on the figure's x axis. */
  readonly x?: number;
  readonly paper: Sides;
  readonly quire: Sides;
  /** The published number could be checked against the publication. */
  readonly verified: boolean;
  /** What happened, counted, under each system. */
  readonly counters?: Readonly<Record<string, Omit<Sides, 'ratio'>>>;
}

/** How the numbers came about. `modelled`: a part of the time is what a device of that time would have taken. */
export type Origin = 'counted' | 'measured' | 'modelled';

/** Whether the published result is seen here as well. */
export interface Verdict {
  readonly shape: 'holds' | 'holds in part' | 'does not hold';
  /** One line: what was looked at, and where we fall short, why. */
  readonly text: string;
}

/** Axes of a figure. */
export interface FigureAxes {
  readonly x: string;
  readonly y: string;
}

/** One table or figure. */
export interface ComparisonTable {
  readonly id: string;
  readonly title: string;
  /** What is done, in a sentence or two. */
  readonly about: string;
  /** Unit of both columns. */
  readonly unit: string;
  readonly origin: Origin;
  /** What `ratio` is a ratio of. */
  readonly ratioOf: string;
  readonly rows: readonly ComparisonRow[];
  readonly verdict: Verdict;
  readonly notes: readonly string[];
  readonly figure?: FigureAxes;
}

/** Makes both sides with their ratio. */
export function sides(bsd: number | null, uvm: number | null): Sides {
  return { bsd, uvm, ratio: bsd === null || uvm === null || bsd === 0 ? null : uvm / bsd };
}

/** Numbers under both systems, for counters. */
export function both(bsd: number | null, uvm: number | null): Omit<Sides, 'ratio'> {
  return { bsd, uvm };
}
