// Ranges of numbers as they are typed: one, doubling, or in even steps.

import { UsageError } from '../src/base/index.ts';
import { parseCount } from './trace-options.ts';

/** Yields `64`, `64..4096` (doubling) or `64..4096/10` (evenly, both ends included). @param option for messages @param parse reads one end */
export function* rangeOf(text: string, option: string, parse: (text: string) => number): Generator<number> {
  const [, first = '', last, count] = /^([^./]+(?:\.\d[^./]*)?)(?:\.\.([^/]+)(?:\/(.+))?)?$/.exec(text) ?? [];
  const from = parse(first || text);
  if (last === undefined) {
    yield from;
    return;
  }
  const to = parse(last);
  if (to < from) throw new UsageError(`${option} ${text}: the range ends below its start`);
  if (count === undefined) {
    for (let size = from; size < to; size *= 2) yield size;
    yield to;
  } else {
    const steps = parseCount(count, `${option} ${text}: steps`, 2);
    for (let step = 0; step < steps; step++) yield Math.round(from + (step * (to - from)) / (steps - 1));
  }
}
