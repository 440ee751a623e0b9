// Misses as other programs counted them: libCacheSim (commit aa0fc40), and the authors of LIRS and CLOCK-Pro. Those of generated traces
// are in fixtures/; those of recorded traces are read from ../shared/oracle, which is not in the repository.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type AnyPolicyKind, replayPolicies } from '../paging/index.ts';
import { slru2 } from '../paging/slru.ts';
import { mixTrace, phaseTrace, zipfTrace } from '../trace/index.ts';
import { Densifier, simulate } from './index.ts';

const folder = join(import.meta.dirname, '../../../shared/oracle/policy');
const present = existsSync(folder);
if (!present) console.warn(`SKIPPED: other programs' miss counts are not at ${folder}; only those in fixtures/ were compared.`);

/** Names of policies in the oracle's own files that are others here. */
const renamed: Readonly<Record<string, string>> = {
  lirs: 'lirs-lcs',
  'lirs-authors': 'lirs',
  clockpro: 'clock-pro',
  'clockpro-adaptive': 'clock-pro-adaptive',
};

const kinds = new Map<string, AnyPolicyKind>([...replayPolicies, slru2].map((kind) => [kind.name, kind]));

function kindOf(name: string): AnyPolicyKind {
  const kind = kinds.get(renamed[name] ?? name);
  if (kind === undefined) throw new Error(`there is no policy for ${name}`);
  return kind;
}

interface DenseTrace {
  readonly ids: Uint32Array;
  readonly pages: number;
}

function missesOf({ ids, pages }: DenseTrace, policy: string, frames: number): number {
  return simulate(ids, { policy: kindOf(policy), frames, pages }).misses;
}

function readRows(path: string): string[][] {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('\t'));
}

function readTrace(name: string): DenseTrace {
  const text = gunzipSync(readFileSync(join(folder, 'traces', `${name}.txt.gz`))).toString();
  return densify(Uint32Array.from(text.trim().split('\n'), Number));
}

function densify(raw: Uint32Array): DenseTrace {
  const ids = new Uint32Array(raw.length);
  const densifier = new Densifier();
  densifier.densify(raw, ids);
  return { ids, pages: densifier.pages };
}

/** FNV-1a over little-endian 32-bit words. */
function hashOf(trace: Uint32Array): string {
  let hash = 0x811c9dc5;
  for (const page of trace) {
    for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((page >>> shift) & 0xff), 0x01000193);
  }
  return (hash >>> 0).toString(16);
}

const ownFixture = join(import.meta.dirname, 'fixtures/misses.tsv');

describe('generated traces', () => {
  const generated: Readonly<Record<string, readonly [hash: string, trace: Uint32Array]>> = {
    zipf300k: ['cf672452', zipfTrace(20_000, 300_000)],
    mix300k: ['fe4ef3f3', mixTrace(2_000, 8_000, 300_000)],
    phase300k: ['d52eb3f7', phaseTrace(4_000, 20_000, 300_000)],
  };

  test.each(Object.keys(generated))('%s is the published one, and every policy misses as often as in libCacheSim', (name) => {
    const [hash, raw] = generated[name] as readonly [string, Uint32Array];
    expect(hashOf(raw)).toBe(hash);
    const dense = densify(raw);
    const rows = readRows(ownFixture).filter(([trace]) => trace === name);
    expect(rows.length).toBeGreaterThan(60);
    const counted = rows.map(([trace, policy, frames]) => [
      trace,
      policy,
      frames,
      String(missesOf(dense, policy as string, Number(frames))),
    ]);
    expect(counted).toEqual(rows);
  });
});

describe.skipIf(!present)("recorded traces: misses as libCacheSim's", () => {
  test.each(['cloudphysics', 'addr-gcc', 'addr-swim', 'lirs-2_pools', 'lirs-cs', 'lirs-multi1', 'lirs-sprite'])('%s', (name) => {
    const dense = readTrace(name);
    const rows = readRows(join(folder, `${name}.tsv`)).filter(([policy]) => policy !== 'random');
    const counted = rows.map(([policy, frames]) => [policy, frames, String(missesOf(dense, policy as string, Number(frames)))]);
    expect(counted).toEqual(rows.map(([policy, frames, , misses]) => [policy, frames, misses]));
  });
});

describe.skipIf(!present)('recorded traces: misses as the authors of LIRS and CLOCK-Pro count them', () => {
  test.each(['2_pools', 'cs', 'multi1', 'sprite'])('%s', (name) => {
    const dense = readTrace(`lirs-${name}`);
    const rows = readRows(join(folder, 'lirs-authors.tsv')).filter(([trace]) => trace === name);
    const counted = rows.map(([, policy, frames]) => [policy, frames, String(missesOf(dense, policy as string, Number(frames)))]);
    expect(counted).toEqual(rows.map(([, policy, frames, , misses]) => [policy, frames, misses]));
  });
});
