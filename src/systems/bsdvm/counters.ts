// Counters of shadow chains and of the object cache.

/** What this system does that others do not; all count since boot. */
export class ShadowCounters {
  /** Shadow objects made. */
  shadows = 0;
  /** Times that a chain was looked at for something to collapse or bypass. */
  collapseTries = 0;
  /** Objects merged into the one that shadows them. */
  collapses = 0;
  /** Objects that one above them no longer shadows. */
  bypasses = 0;
  /** Objects found again in the object cache, and objects dropped from its end. */
  cacheHits = 0;
  cacheDrops = 0;
}
