import { describe } from 'vitest';
import { aarch64, amd64, amd64FiveLevel, i386, inverted, mips, pae, sv32, sv39, sv48 } from '../machine/index.ts';
import { deep, handful, scattered, upsideDown } from '../machine/mmu/made-up-formats.conformance.ts';
import { describePhysicalMap } from './physical-map.conformance.ts';

const formats = [i386, pae, amd64, amd64FiveLevel, sv32, sv39, sv48, aarch64, mips, inverted, scattered, deep, upsideDown, handful];

describe.each(formats)('PhysicalMap on $name', (format) => {
  describePhysicalMap(format);
});
