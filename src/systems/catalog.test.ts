import { expect, test } from 'vitest';
import { findPolicy } from './index.ts';

test('a policy that hardware cannot serve is refused with the reason, an unknown one with the names', () => {
  expect(findPolicy('clock-pro').sees).toBe('bits');
  expect(() => findPolicy('lru')).toThrow(
    /^policy 'lru' must see every reference, which hardware does not tell: replay a trace with it, or/,
  );
  expect(() => findPolicy('belady')).toThrow(/^policy 'belady' must know the references to come: .* choose one of uvm, clock,/);
  expect(() => findPolicy('clock-r1')).toThrow(/^there is no policy 'clock-r1': choose one of uvm, /);
});
