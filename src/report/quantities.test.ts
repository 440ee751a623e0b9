import { describe, expect, it } from 'vitest';
import { formatAddress, formatBytes, formatCount, formatCountOf, formatSeconds, formatShare } from './quantities.ts';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1025, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [64 * 1024, '64 KiB'],
    [1023 * 1024, '1023 KiB'],
    // Rounded to one decimal this would read 1024.0 KiB.
    [1024 * 1024 - 1, '1.0 MiB'],
    [1024 * 1024, '1 MiB'],
    [6 * 2 ** 20, '6 MiB'],
    [12_033 * 4096, '47.0 MiB'],
    [2 ** 32, '4 GiB'],
    [2 ** 47, '128 TiB'],
    [2 ** 53, '8 PiB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe('formatSeconds', () => {
  it.each([
    [0, '0 s'],
    [0.000_000_5, '0.50 µs'],
    [0.000_012_34, '12.3 µs'],
    [0.000_999_4, '999 µs'],
    [0.000_999_6, '1.00 ms'],
    [0.502_1, '502 ms'],
    [0.999_4, '999 ms'],
    [0.999_6, '1.00 s'],
    [9.994, '9.99 s'],
    [9.996, '10.0 s'],
    [99.96, '100 s'],
    [3725, '3,725 s'],
  ])('%d s is %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));
});

describe('formatAddress', () => {
  it.each([
    [0, '0x0000_0000'],
    [0x13000, '0x0001_3000'],
    [0xffff_ffff, '0xffff_ffff'],
    [0x1_0000_0000, '0x0001_0000_0000'],
    [0x7fff_ffff_f000, '0x7fff_ffff_f000'],
  ])('%d is %s', (address, text) => expect(formatAddress(address)).toBe(text));
});

describe('formatCount', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1_234_567, '1,234,567'],
  ])('%d is %s', (count, text) => expect(formatCount(count)).toBe(text));

  it('knows one from many', () => {
    expect(formatCountOf(0, 'fault')).toBe('0 faults');
    expect(formatCountOf(1, 'fault')).toBe('1 fault');
    expect(formatCountOf(2000, 'entry', 'entries')).toBe('2,000 entries');
  });
});

describe('formatShare', () => {
  it('is a percentage of the whole, and a dash of nothing', () => {
    expect(formatShare(1, 3)).toBe('33.3 %');
    expect(formatShare(0, 5)).toBe('0.0 %');
    expect(formatShare(0, 0)).toBe('-');
  });
});
