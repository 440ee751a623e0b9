// Belady's anomaly: a policy that misses more often with more frames. Source: Belady, Nelson, Shedler 1969.

/** How often a policy missed with so many frames. */
export interface MissesAtSize {
  readonly frames: number;
  readonly misses: number;
}

/** Two sizes of which the larger one misses more. */
export interface Anomaly {
  readonly fewer: MissesAtSize;
  readonly more: MissesAtSize;
}

/**
 * Returns, for each size that misses more than some smaller one, the pair with the best of the smaller ones.
 * @param points one policy over one trace, frames ascending
 */
export function findAnomalies(points: readonly MissesAtSize[]): Anomaly[] {
  const anomalies: Anomaly[] = [];
  let best: MissesAtSize | undefined;
  for (const point of points) {
    if (best !== undefined && point.misses > best.misses) anomalies.push({ fewer: best, more: point });
    if (best === undefined || point.misses < best.misses) best = point;
  }
  return anomalies;
}
