import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EVENT_WORDS, EventRing, EventType, eventNames } from '../src/base/index.ts';
import { EventsFile } from './events-file.ts';
import { OutputFile } from './output-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-events-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (): { path: string; events: EventsFile } => {
  const path = join(folder, 'events.ndjson');
  return { path, events: new EventsFile(new OutputFile(path, '--events')) };
};

const linesOf = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

describe('EventsFile', () => {
  it('writes a line per event with its fields by name', () => {
    const { path, events } = open();
    const ring = new EventRing();
    ring.attach(events.reader);
    ring.emit(EventType.fault, 1, 257, 1, 0);
    ring.emit(EventType.zeroFill, 1, 257, 12);
    ring.emit(EventType.evict, 0, 12, 1);
    ring.emit(EventType.start, 2);
    ring.flush();
    expect(events.close()).toBeUndefined();
    expect(linesOf(path)).toEqual([
      { sequence: 0, event: 'fault', process: 1, vpn: 257, access: 'write', present: false },
      { sequence: 1, event: 'zeroFill', process: 1, vpn: 257, pfn: 12 },
      { sequence: 2, event: 'evict', process: 0, pfn: 12, dirty: true },
      { sequence: 3, event: 'start', process: 2 },
    ]);
  });

  it('knows every event there is', () => {
    const { path, events } = open();
    const ring = new EventRing();
    ring.attach(events.reader);
    for (const type of Object.values(EventType)) ring.emit(type, 1);
    ring.flush();
    events.close();
    expect(linesOf(path).map(({ event }) => event)).toEqual(eventNames);
  });

  it('numbers events without gaps over many pieces and ring turns', () => {
    const { path, events } = open();
    const ring = new EventRing(7);
    ring.attach(events.reader);
    for (let i = 0; i < 5000; i++) ring.emit(EventType.tlbRefill, 1, i, i + 1, 0);
    ring.flush();
    events.close();
    const lines = linesOf(path);
    expect(lines.length).toBe(5000);
    expect(lines.every((line, i) => line.sequence === i && line.vpn === i)).toBe(true);
  });

  it('takes no event twice when an interrupted flush is repeated', () => {
    const { path, events } = open();
    const words = new Int32Array(3 * EVENT_WORDS).fill(EventType.start);
    events.reader(words.subarray(0, 2 * EVENT_WORDS), 0);
    events.reader(words, 0);
    events.close();
    expect(linesOf(path).map(({ sequence }) => sequence)).toEqual([0, 1, 2]);
  });

  it.skipIf(!existsSync('/dev/full'))('tells by a sentence that the device is full, and lets the kernel go on', () => {
    const events = new EventsFile(new OutputFile('/dev/full', '--events'));
    const words = new Int32Array(20_000 * EVENT_WORDS);
    events.reader(words, 0);
    events.reader(words, 20_000);
    expect(events.close()).toBe('--events /dev/full: not every event could be written: no space left on device');
  });
});
