// CPython 3.12 on Quire: a fixed script prints the same bytes whatever the RAM, the replacement policy and the frame allocator are. What
// it must print is what it prints on flat memory, without Quire's memory manager.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MIB } from '../src/base/index.ts';
import { policyNames } from '../src/systems/index.ts';
import { fine, pythonPath, type RunSettings, TestProgram } from './support/run-program.ts';

const script = String.raw`
import json, re
words = ['%s%d' % (c * (i % 5 + 1), i * 7919 % 1009) for i in range(1500) for c in 'abc']
count = {}
for w in words: count[w] = count.get(w, 0) + 1
rows = sorted(({'word': w, 'n': n, 'key': hash(w) % 997} for w, n in count.items()), key=lambda r: (-r['n'], r['key'], r['word']))
text = json.dumps(rows)
assert json.loads(text) == rows
print(len(rows), len(text), rows[0], rows[-1])
print(sum(int(n) for n in re.findall(r'[ab]+(\d+)', text)), len(re.sub(r'\s', '', text)))
f = 1
for i in range(1, 400): f *= i
print(f % (10**40 + 7), len(str(f)), pow(3, f % 10**30, 10**50 + 9))
blob = bytearray(2 * 1024 * 1024)
for i in range(0, len(blob), 4096): blob[i] = i >> 12 & 255
print(sum(blob), blob.count(0))
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
caught = []
for make in (lambda: 1 // 0, lambda: [][1], lambda: {}['x'], lambda: int('x'), lambda: deep(10**6)):
    try: make()
    except Exception as e: caught.append('%s: %s' % (type(e).__name__, e))
print(caught)
print(''.join(sorted('%.3f ' % (i ** 0.5) for i in range(60))))
print({w for w in words[:40]})
`;

const world = { args: ['-c', script], environ: { PYTHONHASHSEED: '0' } };

if (!existsSync(pythonPath)) console.warn(`SKIPPED: CPython is not at ${pythonPath}; nothing of it was run.`);

describe.skipIf(!existsSync(pythonPath))('CPython prints what it prints on flat memory', () => {
  const python = new TestProgram('python', existsSync(pythonPath) ? readFileSync(pythonPath) : new Uint8Array());
  const flat = python.runFlat(world);
  const runsAs = (settings: RunSettings) => {
    const { exit, stdout, stderr, statistics } = python.run({ ...world, ...settings });
    expect({ exit, stdout, stderr }).toEqual({ exit: fine, stdout: flat.stdout, stderr: '' });
    return statistics;
  };

  it('flat, it does what the script says', () => {
    expect(flat.exit).toEqual(fine);
    expect(flat.stderr).toBe('');
    expect(flat.stdout).toContain("'ZeroDivisionError: integer division or modulo by zero'");
    expect(flat.stdout).toContain("'RecursionError: maximum recursion depth exceeded");
    // Of 512 pages, two begin with each value from 0 to 255.
    expect(flat.stdout).toContain(`${2 * (255 * 128)} ${2 * 1024 * 1024 - 510}\n`);
  });

  // In order of RAM: the rewritten module is kept between runs with the same RAM.
  it.each(policyNames)('in 3 MiB under %s', (policy) => {
    expect(runsAs({ ramBytes: 3 * MIB, policy }).swapPagesIn).toBeGreaterThan(0);
  });

  it('in 4 MiB', () => {
    expect(runsAs({ ramBytes: 4 * MIB }).swapPagesOut).toBeGreaterThan(0);
  });

  it.each(policyNames)('in 6 MiB under %s', (policy) => {
    runsAs({ ramBytes: 6 * MIB, policy });
  });

  it.each(['stack', 'free-list', 'buddy-cached'])('in 6 MiB with the %s allocator', (frames) => {
    runsAs({ ramBytes: 6 * MIB, frames });
  });

  it.each([8, 16, 64])('in %i MiB', (mebibytes) => {
    const statistics = runsAs({ ramBytes: mebibytes * MIB });
    if (mebibytes === 64) expect([statistics.swapPagesOut, statistics.evictedClean]).toEqual([0, 0]);
  });
});
