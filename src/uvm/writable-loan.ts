// Writable loans: a range of one space is another's for a while, to write into; a message that the receiver fills in. Source: FMI/OS.
//
//   lender     | entry, no rights ------+
//                                       +--> the same stretch of one amap, the same object below
//   borrower   | entry, lender's rights-+
//
// Both entries hold the layers, so neither side can lose the other's pages:
//
//   WL1  the lender's entry has no rights and cannot be given any until the loan ends; a page that either side unmaps stays the other's
//   WL2  the borrower's entry never needs a copy: what it writes is in the amap that the lender holds
//   WL3  fork gives neither side's child a part of the loan
//
// So: a lender that exits leaves the pages to the borrower until the loan ends, then they are freed. A borrower that exits, or unmaps its
// side, leaves them to the lender, who has them again when the loan ends. Ending a loan always works and needs no memory.
// Cost: O(entries), and the mappings move both ways, so that neither side faults: a few nanoseconds per mapped page.

import { addressOf, type Errno, EventType, invariant, PAGE_SIZE } from '../base/index.ts';
import { choosePlace, type PageRange, PROT_NONE, PROT_READ, PROT_WRITE, pageRange, type WritableLoan } from '../system/index.ts';
import { everyArea } from './areas.ts';
import { growthOf, isWithinLimits } from './commitment.ts';
import type { UvmCore } from './core.ts';
import { entriesOf, type Passage } from './entry-passing.ts';
import { DOES_NOT_GROW, type LoanPart, type VmMapEntry } from './map-entry.ts';
import { clearNeedsCopy } from './needs-copy.ts';
import { removeEntry, removeRange } from './placement.ts';
import { attributesOf, type VmMap } from './vm-map.ts';

const READ_WRITE = PROT_READ | PROT_WRITE;

/** The writable loans of one machine. */
export class WritableLoans {
  readonly #core: UvmCore;
  readonly #outstanding = new Set<WritableLoan>();

  constructor(core: UvmCore) {
    this.#core = core;
  }

  /** Lends a range, as `PageMover.lendWritable` says. ENOMEM: more memory may help. */
  lend(passage: Passage): WritableLoan<VmMap> | Errno {
    const { from, to } = passage;
    const range = pageRange(from.layout, passage.start, passage.size);
    if (typeof range === 'string') return range;
    if (from === to) return 'EINVAL';
    const refusal = this.#checkLendable(from, range);
    if (refusal !== undefined) return refusal;
    const target = choosePlace(to, range.end - range.first, passage.place);
    if (typeof target === 'string') return target;
    if (!isAffordable(to, range.end - range.first, target)) return 'ENOMEM';
    const blocks = this.#prepare(passage, range, target);
    if (blocks === undefined) return 'ENOMEM';
    const size = (range.end - range.first) * PAGE_SIZE;
    const loan = { lender: from, lenderStart: addressOf(range.first), borrower: to, borrowerStart: addressOf(target), size };
    removeRange(this.#core, to, target, target + (range.end - range.first));
    entriesOf(from, range).forEach((entry, i) => {
      this.#lendEntry(loan, entry, target + (entry.start - range.first), blocks[i] as number);
    });
    this.#outstanding.add(loan);
    this.#core.machine.events.emit(EventType.map, to.pmap.id, target, range.end - range.first);
    this.#core.statistics.pagesLent += range.end - range.first;
    return loan;
  }

  /** Tells why [first, end) may not be lent, if so. */
  #checkLendable(space: VmMap, { first, end }: PageRange): Errno | undefined {
    let refusal: Errno | undefined;
    const isMapped = everyArea(space, first, end, (entry) => {
      const { copyOnWrite, loanPart, wired, object, protection } = entry;
      if (!copyOnWrite || loanPart !== undefined || wired || object?.pager.kind === 'device') refusal = 'EINVAL';
      else if ((protection & READ_WRITE) !== READ_WRITE) refusal = 'EFAULT';
      return refusal === undefined;
    });
    return refusal ?? (isMapped ? undefined : 'EFAULT');
  }

  /** Gets all that the loan takes: entry bounds, amaps of the lender's own, blocks. Returns undefined when out of kernel memory. */
  #prepare({ from, to }: Passage, range: PageRange, target: number): number[] | undefined {
    const { first, end } = range;
    if (!from.clipRange(first, end)) return undefined;
    const blocks: number[] = [];
    const whole = entriesOf(from, range).every((entry) => {
      if (entry.needsCopy && !clearNeedsCopy(this.#core, entry)) return false;
      const block = to.reserveEntry();
      if (block !== 0) blocks.push(block);
      return block !== 0;
    });
    if (whole && to.clipRange(target, target + (end - first))) return blocks;
    for (const block of blocks) to.releaseEntry(block);
    from.mergeRange(first, end);
    return undefined;
  }

  #lendEntry(loan: WritableLoan<VmMap>, entry: VmMapEntry, start: number, block: number): void {
    const { lender, borrower } = loan;
    const { protection, maxProtection } = entry;
    const part = (side: LoanPart['side']): LoanPart => ({ loan, side, protection, maxProtection });
    const attributes = { ...attributesOf(entry), growsDownTo: DOES_NOT_GROW, loanPart: part('borrower') };
    const twin = borrower.insert(start, start + (entry.end - entry.start), attributes, block);
    twin.amap = entry.amap;
    twin.amapOffset = entry.amapOffset;
    twin.needsCopy = false;
    entry.amap?.hold(entry.amapOffset, entry.amapEnd);
    if (entry.object !== undefined) entry.object.references++;
    entry.loanPart = part('lender');
    entry.protection = PROT_NONE;
    entry.maxProtection = PROT_NONE;
    this.#core.machine.pmaps.move(lender.pmap, entry.start, entry.end, borrower.pmap, start);
  }

  /** Ends a loan. Panics (WL1) if it is not outstanding. */
  end(loan: WritableLoan<VmMap>): void {
    invariant(this.#outstanding.delete(loan), 'WL1', () => `a writable loan of ${loan.size} bytes is not outstanding`);
    const { lender, borrower } = loan;
    const lent = partsOf(lender, loan);
    for (const entry of partsOf(borrower, loan)) {
      for (const home of lent) this.#moveHome(loan, entry, home);
      removeEntry(this.#core, borrower, entry);
    }
    for (const entry of lent) {
      const { protection, maxProtection } = entry.loanPart as LoanPart;
      entry.protection = protection;
      entry.maxProtection = maxProtection;
      entry.loanPart = undefined;
    }
    for (const { start, end } of lent) lender.mergeRange(start, end);
  }

  /** Moves the borrower's mappings of the slots that both entries hold back to the lender. */
  #moveHome({ lender, borrower }: WritableLoan<VmMap>, entry: VmMapEntry, home: VmMapEntry): void {
    if (entry.amap !== home.amap || entry.needsCopy) return;
    const first = Math.max(entry.amapOffset, home.amapOffset);
    const end = Math.min(entry.amapEnd, home.amapEnd);
    if (first >= end) return;
    const pageOfSlot = ({ start, amapOffset }: VmMapEntry, slot: number): number => start + (slot - amapOffset);
    this.#core.machine.pmaps.move(borrower.pmap, pageOfSlot(entry, first), pageOfSlot(entry, end), lender.pmap, pageOfSlot(home, first));
  }
}

/** One side's entries of a loan, wherever they are now. A space that is gone has none. */
function partsOf(space: VmMap, loan: WritableLoan): VmMapEntry[] {
  return [...space].filter((entry) => entry.loanPart?.loan === loan);
}

/** Tells whether the borrower stays within its limits. */
function isAffordable(to: VmMap, pages: number, target: number): boolean {
  return isWithinLimits(to, growthOf(to, target, pages, { commitment: 'charged', wired: false }));
}
