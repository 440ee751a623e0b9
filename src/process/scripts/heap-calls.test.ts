// malloc through scripts, on every manager: the heap is the process's own memory, forked with it, and stray stores meet guard pages.
import { afterEach, describe, expect, it } from 'vitest';
import { checkScriptMachines, runScript } from '../../../test/support/script-machine.ts';
import { PAGE_SIZE } from '../../base/index.ts';
import { systemNames } from '../../systems/index.ts';
import { must, type ScriptProgram } from '../index.ts';

afterEach(checkScriptMachines);

const fine = { kind: 'exit', code: 0 };

describe.each(systemNames)('on %s', (system) => {
  const works = (script: ScriptProgram, frames?: number): void =>
    expect(runScript(script, { system, ...(frames !== undefined && { frames }) })).toEqual(fine);

  it('blocks hold what is written, through swap, and the break goes down again', () =>
    works(function* (sys) {
      const blocks: number[] = [];
      for (let i = 0; i < 200; i++) {
        const at = yield* sys.malloc(4000);
        expect(at).not.toBe(0);
        yield* sys.memset(at, i, 4000);
        blocks.push(at);
      }
      const { breakBytes } = must(yield* sys.heapUsage());
      expect(breakBytes).toBeGreaterThan(200 * 4000);
      for (const [i, at] of blocks.entries()) expect(yield* sys.memchr(at, i + 1, 4000)).toBe(-1);
      for (const at of blocks.reverse()) expect(yield* sys.free(at)).toBe(true);
      expect(must(yield* sys.heapUsage()).breakBytes).toBeLessThan(breakBytes / 2);
      expect(yield* sys.free(blocks[0] as number)).toBe(false);
    }, 128));

  it('a forked child goes on with its own copy of the heap', () =>
    works(function* (sys) {
      must(yield* sys.useHeap({ allocator: 'best-fit', checks: 'hardened', seed: 5 }));
      const at = yield* sys.calloc(10, 10);
      yield* sys.writeString(at, 'parent');
      const child = must(
        yield* sys.fork(function* (childSys) {
          expect(yield* childSys.readString(at)).toBe('parent');
          expect(yield* childSys.free(at)).toBe(true);
          const own = yield* childSys.malloc(100);
          yield* childSys.writeString(own, 'child');
          return 7;
        }),
      );
      expect(must(yield* sys.wait(child)).status).toEqual({ kind: 'exit', code: 7 });
      expect(yield* sys.usableSize(at)).toBe(100);
      expect(yield* sys.readString(at)).toBe('parent');
      const grown = yield* sys.realloc(at, 2 * PAGE_SIZE);
      expect(yield* sys.readString(grown)).toBe('parent');
    }));

  it('a store behind a guarded block reaches the fault handler, which can name the block', () =>
    works(function* (sys) {
      must(yield* sys.useHeap({ guard: { oneIn: 1 } }));
      const at = yield* sys.malloc(24);
      let named = '';
      yield* sys.onFault(function* (fault, handlerSys) {
        named = yield* handlerSys.explainFault(fault.address);
        return yield* handlerSys.exit(named.includes('0 bytes behind the end of the block of 24 bytes') ? 0 : 1);
      });
      yield* sys.memset(at, 1, 25);
    }));

  it('there is no heap where the script has moved the break itself', () =>
    works(function* (sys) {
      must(yield* sys.sbrk(PAGE_SIZE));
      expect([yield* sys.malloc(10), yield* sys.useHeap({}), yield* sys.heapUsage()]).toEqual([0, 'EBUSY', 'ENOMEM']);
    }));
});
