// Counters of a memory manager. Names are UVM's `uvmexp` where one exists (given beside each); all count since boot.

/** How a fault ended: the counters of the report, and the numbers in `faultDone` events. The deepest work counts: a page read from swap, then copied, is a swap-in. */
export const faultKinds = ['zeroFill', 'image', 'file', 'copyOnWrite', 'swapIn', 'protection', 'resident', 'failed'] as const;

/** One of `faultKinds`. */
export type FaultKind = (typeof faultKinds)[number];

/** Mutable counters; the manager increments the fields. */
export class MemoryStatistics {
  /** Page faults (uvmexp.faults). */
  faults = 0;
  /** By how they were resolved; the kinds exclude each other and, with `failed`, add up to `faults`. */
  zeroFill = 0;
  /** A page of the program's image was brought in. */
  image = 0;
  /** A page of a file was brought in. */
  file = 0;
  /** A resident page was copied: fltacow + flt_prcopy. */
  copyOnWrite = 0;
  /** A page was brought in from swap. */
  swapIn = 0;
  /** A present page lacked the right, and was given it without a copy. */
  protection = 0;
  /** The page was resident and only had to be mapped. */
  resident = 0;
  /** Faults that could not be resolved. */
  failed = 0;
  /** Faults begun again after memory was reclaimed (fltnoram). */
  restarts = 0;
  /** Neighbours mapped ahead, anon (fltnamap) and object (fltnomap). */
  mappedAheadAnon = 0;
  mappedAheadObject = 0;
  /** Fault cases: 1A, 1B, 2A, 2B (flt_anon, flt_acow, flt_obj, flt_prcopy + flt_przero). */
  case1A = 0;
  case1B = 0;
  case2A = 0;
  case2B = 0;
  /** Page daemon: wake-ups (pdwoke), pages freed (pdfreed), passed over as referenced (pdreact), held by running code. */
  daemonWakes = 0;
  daemonFreed = 0;
  daemonHeld = 0;
  /** Pages that the daemon looked at (pdscans). */
  daemonScans = 0;
  /** Pages given back because their space was idle. */
  idleFreed = 0;
  /** Spaces chosen to end so that others could go on. */
  victims = 0;
  /** Evictions of pages that could simply be dropped, and of pages that had to be written. */
  evictedClean = 0;
  evictedDirty = 0;
  reactivated = 0;
  /** Swap: pages in (pgswapin), pages out (pgswapout), write operations (pdpageouts). */
  swapPagesIn = 0;
  swapPagesOut = 0;
  swapClusters = 0;
  swapErrors = 0;
  /** Pages that came in before anybody asked for them; how many were used since, and how many left memory unused. The others wait. */
  readAhead = 0;
  readAheadUsed = 0;
  readAheadUnused = 0;
  /** Slots that hold a page now (swpginuse), and those whose page is nowhere else (swpgonly). Not counts since boot. */
  swapInUse = 0;
  swapOnly = 0;
  /** Pages lent, to the kernel or to another space, and loans that a write of the owner or of the borrower ended by a copy. */
  pagesLent = 0;
  loansBroken = 0;
  /** Object pages read and written by pagers. */
  pagerReads = 0;
  pagerWrites = 0;
  /** Dirty pages lost because their object ended and its pager could not write them. */
  lostPages = 0;

  /** Counts one fault that ended so. By a switch: writing a field whose name is computed takes several times as long. */
  countFault(kind: FaultKind): void {
    switch (kind) {
      case 'zeroFill':
        this.zeroFill++;
        break;
      case 'image':
        this.image++;
        break;
      case 'file':
        this.file++;
        break;
      case 'copyOnWrite':
        this.copyOnWrite++;
        break;
      case 'swapIn':
        this.swapIn++;
        break;
      case 'protection':
        this.protection++;
        break;
      case 'resident':
        this.resident++;
        break;
      case 'failed':
        this.failed++;
    }
  }
}
