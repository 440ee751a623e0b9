import { describe, expect, it } from 'vitest';
import { UsageError } from '../src/base/index.ts';
import { parseByteSize } from './byte-size.ts';

describe('parseByteSize', () => {
  it.each([
    ['0', 0],
    ['1', 1],
    ['4096', 4096],
    ['4096B', 4096],
    ['64k', 65_536],
    ['64K', 65_536],
    ['64kb', 65_536],
    ['16MiB', 16_777_216],
    ['16 MiB', 16_777_216],
    ['16mib', 16_777_216],
    ['1G', 1_073_741_824],
    ['1.5G', 1_610_612_736],
    ['0.5k', 512],
    ['2TiB', 2_199_023_255_552],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('reads %s', (text, bytes) => expect(parseByteSize(text, '--ram')).toBe(bytes));

  it.each([
    '',
    ' ',
    'much',
    '-1',
    '+1',
    '1e6',
    '0x1000',
    '16 Mbit',
    '16MiBs',
    'MiB',
    '1..5k',
    '1,5k',
    '0.3k',
    '9007199254740992',
    '9999TiB',
    'NaN',
  ])('refuses %j', (text) => {
    expect(() => parseByteSize(text, '--ram')).toThrow(UsageError);
    expect(() => parseByteSize(text, '--ram')).toThrow(/^--ram .*not a size; .*16MiB$/);
  });
});
