// The examples, played: each script ends well, the transcript shows what it promises, and playing again gives the same text.
import { describe, expect, it } from 'vitest';
import { systemNames } from '../src/systems/index.ts';
import { fooBarBazBop } from './foo-bar-baz-bop.ts';
import { examples, main, playExample } from './main.ts';
import { Stage } from './stage.ts';

function transcript(name: string, system: string): string[] {
  const lines: string[] = [];
  expect(playExample(name, system, (line) => lines.push(line))).toBe(true);
  return lines;
}

describe.each(systemNames)('the examples on %s', (system) => {
  it.each(Object.keys(examples))('%s: all its scripts end with 0, or wait for more requests', (name) => {
    const lines = transcript(name, system);
    const ends = lines.filter((line) => / ends: /.test(line));
    expect(ends.length).toBeGreaterThan(0);
    expect(ends.filter((line) => !line.includes('exit code 0'))).toEqual([]);
    expect(transcript(name, system)).toEqual(lines);
  });
});

describe('on uvm', () => {
  it('bop’s memory is in several pieces and its addresses are one area; then pages go to swap', () => {
    const lines: string[] = [];
    const stage = new Stage(fooBarBazBop.ramBytes, 'uvm', (line) => lines.push(line));
    fooBarBazBop.play(stage);
    stage.end();
    const frames = lines.filter((line) => /^ {8}[#.+~a-zB]{64}$/.test(line)).map((line) => line.trim());
    expect(frames).toHaveLength(4);
    // The gap that bar left is bop's now, and there is more of bop behind baz.
    const gap = (frames[0] as string).indexOf('aaaa');
    expect((frames[2] as string).slice(gap, gap + 4)).toBe('BBBB');
    expect((frames[2] as string).lastIndexOf('B')).toBeGreaterThan((frames[2] as string).lastIndexOf('z'));
    expect(lines.filter((line) => / evicted/.test(line)).length).toBeGreaterThan(0);
    expect(lines.filter((line) => /swapIn/.test(line)).length).toBeGreaterThan(0);
  });

  it('the fork’s transcript names the cases: zero fill, a copy, and in place', () => {
    const text = transcript('copy-on-write', 'uvm').join('\n');
    expect(text).toMatch(/parent\.2 .*page 0 of the parent.*fault 2B: zeroFill/);
    expect(text).toMatch(/forked\.3 .*the child was here.*fault 1B: copyOnWrite/);
    expect(text).toMatch(/parent\.2 .*written in place.*fault 1A: protection/);
  });

  it('a page of the pager in user space costs a fault that waits and one that finds it', () => {
    const lines = transcript('user-pager', 'uvm');
    expect(lines.find((line) => /load .*waits: page 12 of \/squares/.test(line))).toMatch(/fault: not resolved/);
    expect(lines.find((line) => /load .*= 0x/.test(line))).toMatch(/fault 2A: file/);
  });
});

it('the command lists the examples, and says so when there is none of a name', () => {
  const lines: string[] = [];
  expect(main([], (line) => lines.push(line))).toBe(0);
  expect(main(['nothing'], (line) => lines.push(line))).toBe(2);
  expect(lines.filter((line) => line.includes('foo-bar-baz-bop'))).toHaveLength(2);
});
