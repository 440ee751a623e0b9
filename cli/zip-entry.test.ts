import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readMallocTrace } from './malloc-trace-source.ts';
import { openZip } from './zip-entry.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-zip-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const text = Array.from({ length: 5000 }, (_, id) => `a ${id} ${id % 777}\n`).join('');

/** A local header with a name and some extra bytes, and the file behind it. */
function entry(content: Uint8Array, { method = 8, flags = 0, size = content.length } = {}): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x0403_4b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt16LE(method, 8);
  header.writeUInt32LE(size, 18);
  header.writeUInt16LE('trace.txt'.length, 26);
  header.writeUInt16LE(5, 28);
  return Buffer.concat([header, Buffer.from('trace.txt'), Buffer.from('extra'), content]);
}

const directory = Buffer.from('PK\u0001\u0002 what follows is not looked at PK\u0005\u0006');
const packed = deflateRawSync(text);

function put(bytes: Uint8Array): string {
  const path = join(folder, 'trace.zip');
  writeFileSync(path, bytes);
  return path;
}

test.each([
  ['deflated', entry(packed)],
  ['stored', entry(Buffer.from(text), { method: 0 })],
])('a file that is %s is read', async (_, bytes) => {
  const { length, sizes } = await readMallocTrace(put(Buffer.concat([bytes, directory])), undefined);
  expect([length, sizes[776], sizes[777]]).toEqual([5000, 776, 0]);
});

test('chunks may come in any size', async () => {
  const bytes = Buffer.concat([entry(packed), directory]);
  async function* single(): AsyncGenerator<Uint8Array> {
    for (const byte of bytes) yield Uint8Array.of(byte);
  }
  const { method, chunks } = await openZip(single(), 'x.zip');
  const got: Uint8Array[] = [];
  for await (const chunk of chunks) got.push(chunk);
  expect([method, Buffer.concat(got).equals(packed)]).toEqual(['deflated', true]);
});

test.each([
  [
    'several files',
    Buffer.concat([entry(packed), entry(packed)]),
    'trace.zip is an archive of several files: unpack it and give one of them',
  ],
  ['an encrypted one', entry(packed, { flags: 1 }), 'trace.zip is an archive of a kind that is not read here: unpack it and give the file'],
  ['one with its size behind', entry(packed, { flags: 8 }), 'of a kind that is not read here'],
  ['one of more than 4 GiB', entry(packed, { size: 0xffff_ffff }), 'of a kind that is not read here'],
  ['another method', entry(packed, { method: 12 }), 'of a kind that is not read here'],
  ['a cut header', entry(packed).subarray(0, 20), "trace.zip is cut short inside the archive's first header"],
  ['a cut file', entry(packed).subarray(0, 200), "trace.zip is cut short inside the archive's file"],
  ['damage', entry(Buffer.concat([packed.subarray(0, 50), Buffer.alloc(50, 0xff), packed.subarray(100)])), 'trace.zip is damaged'],
])('%s is refused', async (_, bytes, sentence) => {
  await expect(readMallocTrace(put(bytes), undefined)).rejects.toThrow(sentence);
});
