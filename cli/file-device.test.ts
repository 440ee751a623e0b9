import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PAGE_SIZE, UsageError } from '../src/base/index.ts';
import { describeBlockDevice } from '../src/machine/block-device.conformance.ts';
import { DeviceError } from '../src/machine/index.ts';
import { FileDevice } from './file-device.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quire-test-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

let nextName = 0;
const close = (device: unknown): void => (device as FileDevice).close();
describeBlockDevice('temporary file', (pages) => FileDevice.temporary(pages, directory), close);
describeBlockDevice('named file', (pages) => FileDevice.open(join(directory, `swap${nextName++}`), pages), close);

const page = (byte: number): Uint8Array => new Uint8Array(PAGE_SIZE).fill(byte);

/** The sentence that `action` fails with. */
function complaint(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'no complaint';
}

describe('FileDevice.temporary', () => {
  it('leaves no name behind, even while it is open', () => {
    const device = FileDevice.temporary(16, directory);
    device.write(3, page(1));
    expect(readdirSync(directory)).toEqual([]);
    device.close();
  });

  it('says where it could not be made', () => {
    const missing = join(directory, 'missing');
    expect(complaint(() => FileDevice.temporary(16, missing))).toMatch(
      /^a temporary file in .*missing cannot be used for swap: no such file or directory; /,
    );
  });
});

describe('FileDevice.open', () => {
  it('makes a sparse file of the full size that only its owner can read', () => {
    const path = join(directory, 'swap');
    const device = FileDevice.open(path, 4096);
    const stat = statSync(path);
    expect(stat.size).toBe(4096 * PAGE_SIZE);
    expect(stat.mode & 0o777).toBe(0o600);
    device.write(4095, page(1));
    device.sync();
    expect(statSync(path).blocks * 512).toBeLessThan(1024 * 1024);
    device.close();
  });

  it('puts pages in the file where anybody can find them, and finds them again', () => {
    const path = join(directory, 'swap');
    const first = FileDevice.open(path, 8);
    first.write(5, page(0x42));
    first.close();
    expect(
      readFileSync(path)
        .subarray(5 * PAGE_SIZE, 6 * PAGE_SIZE)
        .equals(page(0x42)),
    ).toBe(true);
    const second = FileDevice.open(path, 4);
    expect(statSync(path).size).toBe(8 * PAGE_SIZE);
    second.close();
    const third = FileDevice.open(path, 8);
    const into = page(0);
    third.read(5, into);
    expect(into).toEqual(page(0x42));
    third.close();
  });

  it('says in a sentence what cannot be used', () => {
    const inMissing = join(directory, 'missing', 'swap');
    expect(complaint(() => FileDevice.open(inMissing, 4))).toMatch(
      /cannot be used for swap: no such file or directory; give another place/,
    );
    mkdirSync(join(directory, 'folder'));
    expect(complaint(() => FileDevice.open(join(directory, 'folder'), 4))).toMatch(/illegal operation on a directory/);
    writeFileSync(join(directory, 'plain'), '');
    expect(complaint(() => FileDevice.open(join(directory, 'plain', 'swap'), 4))).toMatch(/not a directory/);
    if (existsSync('/dev/null')) {
      symlinkSync('/dev/null', join(directory, 'device'));
      expect(complaint(() => FileDevice.open(join(directory, 'device'), 4))).toMatch(/it is not a regular file/);
    }
  });

  it('refuses what the disk could never hold, and leaves no file', () => {
    const path = join(directory, 'huge');
    expect(complaint(() => FileDevice.open(path, 2 ** 38))).toMatch(/it needs 1073741824\.0 MiB and the disk has \d+\.\d MiB free/);
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, 'mine');
    expect(complaint(() => FileDevice.open(path, 2 ** 38))).toMatch(/MiB free/);
    expect(readFileSync(path, 'utf8')).toBe('mine');
  });
});

describe('FileDevice in trouble', () => {
  it('fails a read of a file that was cut short meanwhile, and goes on', () => {
    const path = join(directory, 'swap');
    const device = FileDevice.open(path, 8);
    device.write(6, page(1));
    truncateSync(path, 2 * PAGE_SIZE + 100);
    expect(() => device.read(2, page(0))).toThrow(DeviceError);
    expect(() => device.read(6, page(0))).toThrow(/read of page 6: .*ends early/);
    expect(device.counters.readOperations).toBe(0);
    device.read(1, page(0));
    device.close();
  });

  it('fails everything after close', () => {
    const device = FileDevice.temporary(2, directory);
    device.close();
    device.close();
    expect(() => device.read(0, page(0))).toThrow(/is closed/);
    expect(() => device.write(0, page(0))).toThrow(DeviceError);
    expect(() => device.sync()).toThrow(DeviceError);
  });
});
