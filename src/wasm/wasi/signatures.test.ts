// Every call of the host has a type; that the types are right is tested by the programs of test/, compiled elsewhere against the same calls.

import { expect, test } from 'vitest';
import { FlatMemory } from '../flat-memory.ts';
import { deterministicClock, deterministicRandom, wasiTypeText } from './index.ts';
import { createWasi } from './wasi.ts';

test('every call of the host has a type', () => {
  const { modules } = createWasi({ memory: new FlatMemory(), clock: deterministicClock(), random: deterministicRandom(1) });
  const calls = Object.values(modules).flatMap((module) => Object.keys(module));
  expect(calls.length).toBe(46 + 45);
  expect(calls.filter((name) => wasiTypeText(name) === undefined)).toEqual([]);
});

test('a type is written as a module has it', () => {
  expect(wasiTypeText('clock_time_get')).toBe('(i32, i64, i32) -> i32');
  expect(wasiTypeText('proc_exit')).toBe('(i32) -> ()');
  expect(wasiTypeText('sched_yield')).toBe('() -> i32');
  expect(wasiTypeText('toString')).toBeUndefined();
});
