import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, Random } from '../base/index.ts';
import { DeviceError } from './block-device.ts';
import { DmaDevice } from './dma-device.ts';
import { MemoryDevice } from './memory-device.ts';
import { ProgrammedPort } from './programmed-io.ts';
import { Ram } from './ram.ts';

function randomRam(frames: number): Ram {
  const ram = new Ram(new ArrayBuffer(frames * PAGE_SIZE), frames);
  new Random(3).fill(ram.bytes);
  return ram;
}

/** Stretches at odd and even addresses, of odd and even lengths, none and one of them empty. */
const descriptors = [
  { address: 4096, length: 4096 },
  { address: 3, length: 1 },
  { address: 8191, length: 6 },
  { address: 20, length: 0 },
  { address: 9, length: 4099 },
];
const length = 4096 + 1 + 6 + 4099;

describe('gathering', () => {
  it('takes the stretches in order, by DMA and by programmed I/O alike', () => {
    const ram = randomRam(4);
    const [dma, port] = [new DmaDevice(ram), new ProgrammedPort(ram)];
    const expected = Buffer.concat(descriptors.map(({ address, length }) => ram.bytes.slice(address, address + length)));
    const [byDma, byPort] = [new Uint8Array(length), new Uint8Array(length)];
    expect([dma.gather(descriptors, byDma), port.gather(descriptors, byPort)]).toEqual([length, length]);
    expect(Buffer.compare(byDma, expected)).toBe(0);
    expect(Buffer.compare(byPort, expected)).toBe(0);
    expect(dma.counters).toEqual({ transfers: 1, descriptors: 5, bytes: length });
    // 1,024 words of the page; one of 8,191 to 8,197 after its first byte; 1,024 from 12 to 4,108.
    expect(port.counters).toEqual({ transfers: 1, descriptors: 5, bytes: length, words: 1024 + 1 + 1024 });
  });

  it('scatters to where it gathers from', () => {
    const [from, to] = [randomRam(4), new Ram(new ArrayBuffer(4 * PAGE_SIZE), 4)];
    const list = [descriptors[0], descriptors[1]] as typeof descriptors;
    const bytes = new Uint8Array(4097);
    new DmaDevice(from).gather(list, bytes);
    expect(new DmaDevice(to).scatter(list, bytes)).toBe(4097);
    expect(to.bytes.slice(4096, 8192)).toEqual(from.bytes.slice(4096, 8192));
    expect([to.bytes[2], to.bytes[3], to.bytes[4]]).toEqual([0, from.bytes[3], 0]);
  });

  it('stops before the first byte at a descriptor that is not RAM, or a device that is too small', () => {
    const ram = randomRam(2);
    for (const device of [new DmaDevice(ram), new ProgrammedPort(ram)]) {
      for (const bad of [
        { address: -1, length: 1 },
        { address: 2 * PAGE_SIZE, length: 1 },
        { address: PAGE_SIZE, length: PAGE_SIZE + 1 },
        { address: 0, length: -1 },
      ]) {
        const into = new Uint8Array(PAGE_SIZE);
        expect(() => device.gather([{ address: 0, length: 8 }, bad], into)).toThrow(DeviceError);
        expect(into.every((byte) => byte === 0)).toBe(true);
      }
      expect(() => device.gather([{ address: 0, length: 8 }], new Uint8Array(7))).toThrow(DeviceError);
      expect(device.counters.transfers).toBe(0);
    }
  });
});

it('a block device gets and gives the gathered pages in one operation', () => {
  const ram = randomRam(4);
  const device = new MemoryDevice(8);
  const dma = new DmaDevice(ram);
  const list = [
    { address: 3 * PAGE_SIZE, length: 100 },
    { address: PAGE_SIZE + 50, length: 2 * PAGE_SIZE - 100 },
  ];
  dma.writeTo(device, 2, list);
  const back = new Ram(new ArrayBuffer(4 * PAGE_SIZE), 4);
  new DmaDevice(back).readFrom(device, 2, list);
  expect(device.counters).toMatchObject({ writeOperations: 1, bytesWritten: 2 * PAGE_SIZE, readOperations: 1 });
  for (const { address, length } of list) {
    expect(Buffer.compare(back.bytes.slice(address, address + length), ram.bytes.slice(address, address + length))).toBe(0);
  }
  expect(() => dma.writeTo(device, 7, list)).toThrow(DeviceError);
});
