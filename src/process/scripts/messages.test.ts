// Messages with pages: lent, lent to be written into, shared, copied, moved; and loans to the kernel.
import { afterEach, describe, expect, it } from 'vitest';
import { checkScriptMachines, runScript, scriptMachine } from '../../../test/support/script-machine.ts';
import { FailurePlan, PAGE_SIZE } from '../../base/index.ts';
import { PROT_READ, PROT_WRITE } from '../../system/index.ts';
import { must, type ReceivedMessage, type Script, type SentPages, type SystemCalls } from '../index.ts';

afterEach(checkScriptMachines);

const RW = PROT_READ | PROT_WRITE;
const SIZE = 3 * PAGE_SIZE;
const fine = { kind: 'exit', code: 0 };

function* anonymous(sys: SystemCalls): Script<number> {
  const at = must(yield* sys.mmap({ size: SIZE, protection: RW, sharing: 'private' }));
  for (let page = 0; page < 3; page++) yield* sys.store(at + page * PAGE_SIZE, page + 1);
  return at;
}

/**
 * A sender sends three pages that hold 1, 2, 3; the receiver reads them and writes 10 into the first; then the sender writes 20 into the
 * second, and both look. Returns what each finds at the end: undefined where the address is not there.
 */
function exchange(how: SentPages['how']) {
  const { kernel, machine } = scriptMachine();
  const found: Record<string, unknown> = {};
  let copied = 0;
  function* look(sys: SystemCalls, at: number): Script<number[]> {
    return [yield* sys.load(at), yield* sys.load(at + PAGE_SIZE), yield* sys.load(at + 2 * PAGE_SIZE)];
  }
  function* receiver(sys: SystemCalls): Script {
    const { from, pages, loan } = (yield* sys.receive()) as ReceivedMessage;
    const at = pages?.start as number;
    found['received'] = yield* look(sys, at);
    yield* sys.store(at, 10);
    if (loan !== undefined) {
      found['at the end'] = yield* look(sys, at);
      must(yield* sys.endLoan(loan));
      expect(yield* sys.endLoan(loan)).toBe('EINVAL');
      expect((yield* sys.maps()).some(({ start }) => start === at)).toBe(false);
    }
    must(yield* sys.send(from, 'done'));
    yield* sys.receive();
    if (loan === undefined) found['at the end'] = yield* look(sys, at);
    return 0;
  }
  function* sender(sys: SystemCalls): Script {
    const at = yield* anonymous(sys);
    const to = must(yield* sys.spawn(receiver));
    const before = machine.frames.freeCount;
    must(yield* sys.send(to, 'look', { start: at, size: SIZE, how }));
    copied = before - machine.frames.freeCount;
    yield* sys.receive();
    if (how !== 'move') {
      yield* sys.store(at + PAGE_SIZE, 20);
      found['kept'] = yield* look(sys, at);
    } else expect((yield* sys.maps()).length).toBe(0);
    must(yield* sys.send(to, 'end'));
    expect(must(yield* sys.wait(to)).status).toEqual(fine);
    return 0;
  }
  const process = kernel.start(sender);
  expect(kernel.run(10_000)).toEqual({ kind: 'done' });
  expect(process).toMatchObject({ status: fine });
  return { ...found, copied };
}

describe('pages that go with a message', () => {
  it.each([
    ['lend', { received: [1, 2, 3], kept: [1, 20, 3], 'at the end': [10, 2, 3] }],
    ['copy', { received: [1, 2, 3], kept: [1, 20, 3], 'at the end': [10, 2, 3] }],
    ['share', { received: [1, 2, 3], kept: [10, 20, 3], 'at the end': [10, 20, 3] }],
    ['lendWritable', { received: [1, 2, 3], kept: [10, 20, 3], 'at the end': [10, 2, 3] }],
    ['move', { received: [1, 2, 3], 'at the end': [10, 2, 3] }],
  ] as const)('%s', (how, expected) => {
    const { copied, ...found } = exchange(how);
    expect(found).toEqual(expected);
    // Page tables and kernel heap may grow, but the three pages were not copied.
    expect(copied).toBeLessThan(3);
  });

  it('a lender, or a borrower, that ends leaves the other with what is its own', () => {
    const { kernel } = scriptMachine();
    function* borrower(sys: SystemCalls): Script {
      const { pages } = yield* sys.receive();
      const at = pages?.start as number;
      yield* sys.store(at, 10);
      yield* sys.sleep(20);
      // The lender is gone, and its loan with it.
      return yield* sys.load(at);
    }
    function* lender(sys: SystemCalls): Script {
      const at = yield* anonymous(sys);
      const to = must(yield* sys.spawn(borrower));
      must(yield* sys.send(to, '', { start: at, size: SIZE, how: 'lendWritable' }));
      yield* sys.sleep(5);
      return 0;
    }
    function* quick(sys: SystemCalls): Script {
      yield* sys.store(((yield* sys.receive()).pages?.start as number) + 4, 5);
      return 0;
    }
    function* patient(sys: SystemCalls): Script {
      const at = yield* anonymous(sys);
      const to = must(yield* sys.spawn(quick));
      must(yield* sys.send(to, '', { start: at, size: SIZE, how: 'lendWritable' }));
      must(yield* sys.wait(to));
      return 10 * (yield* sys.load(at)) + (yield* sys.load(at + 4));
    }
    const processes = [kernel.start(lender), kernel.start(patient)];
    expect(kernel.run(10_000)).toEqual({ kind: 'done' });
    expect(processes).toMatchObject([{ status: fine }, { status: { kind: 'exit', code: 15 } }]);
  });

  it('are refused where they cannot be sent, and nothing is', () =>
    expect(
      runScript(function* (sys) {
        const at = yield* anonymous(sys);
        const to = must(yield* sys.spawn((childSys) => childSys.receive()));
        expect(yield* sys.send(to, '', { start: at + 1, size: PAGE_SIZE, how: 'lend' })).toBe('EINVAL');
        expect(yield* sys.send(to, '', { start: PAGE_SIZE, size: PAGE_SIZE, how: 'copy' })).toBe('EFAULT');
        expect(yield* sys.kill(to)).toBe(0);
        return 0;
      }),
    ).toEqual(fine));

  it('do not go on a manager that cannot move pages', () =>
    expect(
      runScript(
        function* (sys) {
          const at = yield* anonymous(sys);
          expect(yield* sys.send(yield* sys.getpid(), '', { start: at, size: SIZE, how: 'lend' })).toBe('ENOSYS');
          expect(yield* sys.lendToKernel(at, SIZE)).toBe('ENOSYS');
          return 0;
        },
        { system: 'bsdvm' },
      ),
    ).toEqual(fine));
});

describe('the kernel', () => {
  it('sees lent pages as they were, whatever their owner writes meanwhile', () =>
    expect(
      runScript(function* (sys) {
        const at = yield* anonymous(sys);
        yield* sys.writeString(at + 100, 'before');
        const loan = must(yield* sys.lendToKernel(at + 100, 7));
        yield* sys.writeString(at + 100, 'after.');
        expect(new TextDecoder().decode(must(yield* sys.readKernelLoan(loan)))).toBe('before\0');
        expect(yield* sys.readString(at + 100)).toBe('after.');
        expect(yield* sys.endKernelLoan(loan)).toBe(0);
        expect(yield* sys.endKernelLoan(loan)).toBe('EINVAL');
        // One that stays open ends with the process.
        must(yield* sys.lendToKernel(at, SIZE));
        return 0;
      }),
    ).toEqual(fine));

  it('hands pages that it filled to a process', () =>
    expect(
      runScript(function* (sys) {
        const packet = Uint8Array.from({ length: 5000 }, (_, index) => index & 0xff);
        const loan = must(yield* sys.kernelPages(packet));
        const at = must(yield* sys.transfer(loan));
        expect(yield* sys.read(at, 5000)).toEqual(packet);
        yield* sys.store(at, 7);
        expect(yield* sys.transfer(loan)).toBe('EINVAL');
        return 0;
      }),
    ).toEqual(fine));
});

it('a lack of memory at any point leaves both sides whole', () => {
  const story = (options: { readonly frameFailures?: FailurePlan; readonly heapFailures?: FailurePlan }): void => {
    const { kernel, system } = scriptMachine({ frames: 96, ...options });
    function* receiver(sys: SystemCalls): Script {
      for (;;) {
        const { pages, payload } = yield* sys.receive();
        if (payload.length === 0) return 0;
        if (pages !== undefined) yield* sys.store(pages.start, 9);
      }
    }
    const started = kernel.start(function* sender(sys) {
      const at = yield* anonymous(sys);
      const to = yield* sys.spawn(receiver);
      if (typeof to === 'string') return 0;
      for (const how of ['lend', 'copy', 'lendWritable', 'share', 'move'] as const) {
        yield* sys.send(to, how, { start: at, size: SIZE, how });
        yield* sys.sleep(3);
      }
      yield* sys.send(to, '');
      yield* sys.kill(to);
      yield* sys.wait();
      return 0;
    });
    if (typeof started !== 'string') expect(kernel.run(5000)).toEqual({ kind: 'done' });
    system.check();
  };
  const plans = { frameFailures: new FailurePlan(), heapFailures: new FailurePlan() };
  story(plans);
  for (let k = 0; k < plans.frameFailures.requests; k++) story({ frameFailures: new FailurePlan(k) });
  checkScriptMachines();
  for (let k = 0; k < plans.heapFailures.requests; k++) story({ heapFailures: new FailurePlan(k) });
});
