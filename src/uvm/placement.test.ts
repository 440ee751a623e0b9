// Where areas without a place go, by the layout's placement (C2).
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, layout, smallMachine } from '../../test/support/uvm-machine.ts';
import { PAGE_SIZE } from '../base/index.ts';
import { Tlb } from '../machine/index.ts';
import { type MapRequest, PROT_READ, type SpaceLayout } from '../system/index.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const bytes = (pages: number) => pages * PAGE_SIZE;
const request = (pages: number): MapRequest => ({ size: bytes(pages), protection: PROT_READ, sharing: 'private' });

function spaceWith(placement: SpaceLayout['placement'], more: Partial<SpaceLayout> = {}, seed = 1) {
  const { system } = smallMachine({ liveSpaces: 0, seed });
  const space = system.createSpace({ ...layout, ...more, ...(placement !== undefined && { placement }) }, Tlb.none()) as VmMap;
  return (pages: number) => system.map(space, request(pages));
}

describe('placement', () => {
  it('first fit takes the lowest hole', () => {
    const map = spaceWith('firstFit');
    expect([map(3), map(1)]).toEqual([layout.breakLimit, layout.breakLimit + bytes(3)]);
  });

  it('best fit takes the smallest hole that is large enough, the lowest of equals', () => {
    const { system } = smallMachine({ liveSpaces: 0 });
    const space = system.createSpace({ ...layout, placement: 'bestFit' }, Tlb.none()) as VmMap;
    const at = (page: number) => layout.breakLimit + bytes(page);
    // Holes of 4, 2, 3 and 2 pages, then all the rest.
    for (const page of [4, 7, 11, 14]) system.map(space, { ...request(1), place: { how: 'fixed', address: at(page) } });
    expect([2, 3, 2, 2, 3].map((pages) => system.map(space, request(pages)))).toEqual([at(5), at(8), at(12), at(0), at(15)]);
  });

  it('top down takes the highest, and is the default', () => {
    for (const placement of ['topDown', undefined] as const) expect(spaceWith(placement)(3)).toBe(layout.high - bytes(3));
  });

  it('random takes another place in each space and for each seed, the same for the same seed, always inside and free', () => {
    const places = (seed: number) => {
      const map = spaceWith('random', {}, seed);
      return Array.from({ length: 50 }, () => map(2) as number);
    };
    const [first, again, other] = [places(1), places(1), places(2)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(new Set(first).size).toBe(50);
    for (const place of first) expect(place >= layout.breakLimit && place + bytes(2) <= layout.high).toBe(true);
    // Spread over the area: each quarter gets some.
    const quarter = (layout.high - layout.breakLimit) / 4;
    expect(new Set(first.map((place) => Math.floor((place - layout.breakLimit) / quarter))).size).toBe(4);
  });

  it('random finds the last hole there is', () => {
    const map = spaceWith('random', { high: layout.breakLimit + bytes(6) });
    for (let i = 0; i < 6; i++) expect(typeof map(1)).toBe('number');
    expect(map(1)).toBe('ENOMEM');
  });
});
