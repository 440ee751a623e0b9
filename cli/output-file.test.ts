import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UsageError } from '../src/base/index.ts';
import { OutputFile } from './output-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-output-'));
  path = join(folder, 'file');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('OutputFile', () => {
  it('makes a new file and adds to it', () => {
    const file = new OutputFile(path, '--x');
    file.write('one ');
    file.write('two');
    file.close();
    expect(readFileSync(path, 'utf8')).toBe('one two');
  });

  it('empties an old, longer file at the first write', () => {
    writeFileSync(path, 'something that was here before');
    const file = new OutputFile(path, '--x');
    expect(readFileSync(path, 'utf8')).toBe('something that was here before');
    file.write('new');
    expect(readFileSync(path, 'utf8')).toBe('new');
    file.close();
  });

  it('ends empty when nothing was written', () => {
    writeFileSync(path, 'old');
    new OutputFile(path, '--x').close();
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('discards: an old file keeps its content, a new one was never there, and what was written stays', () => {
    writeFileSync(path, 'old');
    new OutputFile(path, '--x').discard();
    expect(readFileSync(path, 'utf8')).toBe('old');
    const other = join(folder, 'other');
    new OutputFile(other, '--x').discard();
    expect(existsSync(other)).toBe(false);
    const file = new OutputFile(other, '--x');
    file.write('kept');
    file.discard();
    file.discard();
    expect(readFileSync(other, 'utf8')).toBe('kept');
  });

  it('abandons: nothing half written stays, new or old; an old file that nothing was written to does', () => {
    writeFileSync(path, 'old');
    new OutputFile(path, '--x').abandon();
    expect(readFileSync(path, 'utf8')).toBe('old');
    for (const name of [path, join(folder, 'new')]) {
      const file = new OutputFile(name, '--x');
      file.write('half');
      file.abandon();
      file.write('too late');
      expect(existsSync(name)).toBe(false);
    }
  });

  it.skipIf(!existsSync('/dev/full'))('refuses what does not fit, and leaves the device alone', () => {
    const file = new OutputFile('/dev/full', '--x');
    expect(() => file.writeOrRefuse('text')).toThrow('--x /dev/full: cannot be written: no space left on device');
    expect(existsSync('/dev/full')).toBe(true);
  });

  it.each([
    ['a missing folder', (): string => join(folder, 'no', 'file'), 'no such file or directory'],
    ['a folder', (): string => folder, 'illegal operation on a directory'],
    ['a path through a file', (): string => join('/dev/null', 'x'), 'not a directory'],
  ])('refuses %s', (_case, where, reason) => {
    const open = (): OutputFile => new OutputFile(where(), '--events');
    expect(open).toThrow(UsageError);
    expect(open).toThrow(`--events ${where()}: cannot be written: ${reason}`);
  });
});
