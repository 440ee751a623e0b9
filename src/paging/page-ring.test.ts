import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MARKED, PageRing } from './page-ring.ts';

test('is a queue, whatever is taken out of its middle and however often it goes round', () => {
  const step = fc.record({
    kind: fc.constantFrom('push', 'push', 'shift', 'rotate', 'remove', 'mark', 'mark', 'shift unmarked'),
    page: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
      const ring = new PageRing(10, 10);
      const queue: number[] = [];
      const marked = new Set<number>();
      for (const { kind, page } of steps) {
        if (kind === 'push' && !queue.includes(page)) {
          ring.push(page);
          queue.push(page);
          marked.delete(page);
        } else if (kind === 'mark' && queue.includes(page)) {
          ring.states[page] = MARKED;
          marked.add(page);
        } else if (kind === 'shift unmarked' && queue.length > 0) {
          while (marked.delete(queue[0] as number)) queue.push(queue.shift() as number);
          expect(ring.shiftUnmarked()).toBe(queue.shift());
        } else if (kind === 'remove' && queue.includes(page)) {
          ring.remove(page);
          queue.splice(queue.indexOf(page), 1);
        } else if (kind === 'rotate' && queue.length > 0) {
          ring.rotate();
          queue.push(queue.shift() as number);
        } else if (kind === 'shift') expect(ring.shift()).toBe(queue.shift() ?? -1);
        ring.check();
        expect([ring.length, ring.head(), ring.has(page)]).toEqual([queue.length, queue[0] ?? -1, queue.includes(page)]);
      }
    }),
  );
});
