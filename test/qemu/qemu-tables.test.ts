// Quire's page tables under a processor that is not Quire's: QEMU boots a small guest with an image of memory that Quire made, the guest makes
// a list of accesses through those tables, and what came of each, and every bit that the processor left in the tables, must be what Quire
// says: the exact translation (translation.ts) for faults and registers, the walk for accessed and dirty bits.
//
// A MIPS has no walk of its own: there the guest fills its TLB from the table by one shift, and sets the marks that the processor's exceptions ask for.
//
// It needs qemu-system-riscv64, -riscv32, -aarch64, -x86_64 and -mipsel; what is not installed is skipped, and says so.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAGE_SIZE, type Pfn, pfn } from '../../src/base/index.ts';
import {
  aarch64,
  amd64,
  amd64FiveLevel,
  faultRegisters,
  i386,
  mips,
  type PageTableFormat,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_EXECUTE,
  PTE_PRESENT,
  PTE_USER,
  PTE_WRITE,
  pae,
  RadixMmu,
  Ram,
  sv32,
  sv39,
  sv48,
  translate,
} from '../../src/machine/index.ts';
import { guests } from './guests.ts';

const FRAMES = 64;
const ROOT = pfn(1);
/** Offsets in the image's first frame, which is the guest's: see the guests' sources. */
const SETTINGS = 0x7e0;
const TABLE_BASE = 0x7f0;
const DONE = 0x7f8;
const LIST = 0xc00;
const SLOT_BYTES = 32;
const END = 3;
/** The list and its end stay clear of the stack, below 0x1000. */
const MOST_PROBES = 27;
/** Page of the guest's own code, where it runs translated. */
const CODE_PAGE = 0x400;
const LARGE_PAGE = 0x2_0000;
/** Patience with QEMU on a busy machine. */
const LIMIT_MS = 30_000;

interface Board {
  readonly command: string;
  readonly options: (image: string) => string[];
  readonly guest: keyof typeof guests;
  /** Frame of physical memory where the image begins. */
  readonly base: number;
  /** Tells the guest where the tables are, and how they are to be switched on. */
  readonly settle: (view: DataView, format: PageTableFormat, root: bigint) => void;
  /** Name of the register that the guest reads after a fault. */
  readonly cause: string;
  /** Whose rights an access has, and who the registers say it was. */
  readonly mode: 'user' | 'kernel';
  readonly reporter: 'user' | 'kernel';
}

const riscv = (command: string, guest: keyof typeof guests): Board => ({
  command,
  options: (image) => ['-M', 'virt', '-bios', 'none', '-device', `loader,file=${image},addr=0x80000000,force-raw=on`],
  guest,
  base: 0x8_0000,
  settle: (view, { name }, root) => {
    if (name === 'sv32') view.setUint32(TABLE_BASE, Number((1n << 31n) | (root >> 12n)), true);
    else view.setBigUint64(TABLE_BASE, ((name === 'sv39' ? 8n : 9n) << 60n) | (root >> 12n), true);
  },
  cause: 'scause',
  mode: 'user',
  reporter: 'user',
});

const x86: Board = {
  command: 'qemu-system-x86_64',
  options: (image) => ['-cpu', 'max,la57=on', '-kernel', image],
  guest: 'x86',
  base: 0x400,
  settle: (view, { name, levels }, root) => {
    view.setUint32(SETTINGS, Number(root), true);
    // CR4: PSE, PAE, LA57.
    view.setUint32(SETTINGS + 4, name === 'i386' ? 0x10 : levels.length === 5 ? 0x1020 : 0x20, true);
    view.setUint32(SETTINGS + 8, levels.length > 3 ? 1 : 0, true);
  },
  cause: 'error code',
  mode: 'kernel',
  reporter: 'kernel',
};

const arm: Board = {
  command: 'qemu-system-aarch64',
  options: (image) => {
    const load = ['-device', `loader,file=${image},addr=0x40200000,force-raw=on`, '-device', 'loader,addr=0x40200000,cpu-num=0'];
    return ['-M', 'virt', '-cpu', 'max', ...load];
  },
  guest: 'aarch64',
  base: 0x4_0200,
  settle: (view, _, root) => view.setBigUint64(TABLE_BASE, root, true),
  cause: 'ESR_EL1',
  // ldtr and sttr have a program's rights, but the exception is one of the kernel's.
  mode: 'user',
  reporter: 'kernel',
};

const mipsim: Board = {
  command: 'qemu-system-mipsel',
  // The board wants firmware, which never runs: the processor begins in the guest.
  options: (image) => {
    const load = ['-device', `loader,file=${image},addr=0x200000,force-raw=on`, '-device', 'loader,addr=0x80200300,cpu-num=0'];
    return ['-M', 'mipssim', '-cpu', '24Kc', '-bios', image, ...load];
  },
  guest: 'mips',
  base: 0x200,
  // The guest reads the table by kseg0.
  settle: (view, _, root) => view.setUint32(TABLE_BASE, Number(root | 0x8000_0000n), true),
  cause: 'Cause',
  // Nothing of kuseg is the kernel's alone.
  mode: 'user',
  reporter: 'user',
};

const boards: readonly (readonly [PageTableFormat, Board])[] = [
  [sv32, riscv('qemu-system-riscv32', 'riscv32')],
  [sv39, riscv('qemu-system-riscv64', 'riscv64')],
  [sv48, riscv('qemu-system-riscv64', 'riscv64')],
  [aarch64, arm],
  [i386, x86],
  [pae, x86],
  [amd64, x86],
  [amd64FiveLevel, x86],
  [mips, mipsim],
];

type Kind = 0 | 1 | 2;

interface Probe {
  readonly page: number;
  readonly kind: Kind;
}

/** What came of an access: the register after a fault and the address it names, or the word that was read. */
interface Outcome {
  readonly cause: bigint | undefined;
  readonly value: bigint | undefined;
}

/** The image, its tables as they are before the accesses, and Quire's own side of it. */
class Scenario {
  readonly ram = new Ram(new ArrayBuffer(FRAMES * PAGE_SIZE), FRAMES);
  readonly mmu: RadixMmu;
  readonly format: PageTableFormat;
  readonly board: Board;
  readonly probes: Probe[] = [];
  #nextTable = 2;
  #nextData = 40;

  constructor(format: PageTableFormat, board: Board) {
    this.format = format;
    this.board = board;
    this.mmu = new RadixMmu(this.ram, format);
    const all = PTE_PRESENT | PTE_USER;
    const noUser = board.mode === 'kernel' ? PTE_USER : 0;
    this.#data(0x411, all);
    this.#data(0x412, all | PTE_WRITE);
    this.#data(0x413, all | PTE_WRITE | PTE_EXECUTE);
    this.#data(0x414, PTE_PRESENT | PTE_WRITE | noUser);
    this.#data(0x415, all | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY);
    this.#data(0x3_fe00, all | PTE_WRITE);
    // The kernel's own value in an entry that is not present must mean nothing to a processor.
    this.mmu.writeAbsent(this.#leaf(0x416), 2 ** Math.min(31, this.mmu.absentBits) - 1);
    const above = format.levels.length - 2;
    if (format !== mips) this.mmu.mapLarge(ROOT, LARGE_PAGE, above, pfn(0), all | PTE_WRITE, this.#supply);
    for (const page of [0x411, 0x412, 0x413, 0x414, 0x415, 0x416, 0x417, 0x3_fe00, 0x3_fe01, 0x3_0000, LARGE_PAGE + 39]) {
      this.probes.push({ page, kind: 0 }, { page, kind: 1 });
    }
    this.probes.push({ page: 0x412, kind: 0 });
    if (board.guest === 'x86') for (const page of [0x411, 0x412, 0x413, 0x416]) this.probes.push({ page, kind: 2 });
    if (this.probes.length > MOST_PROBES) throw new Error('the list runs into the stack');
    this.#mapGuest();
    new Uint32Array(this.ram.buffer, 39 * PAGE_SIZE, 1)[0] = this.#word(39);
  }

  readonly #supply = (): Pfn => pfn(this.#nextTable++);

  #leaf(page: number): number {
    return this.mmu.ensureLeaf(ROOT, page, this.#supply);
  }

  /** The first word of a data frame: its number, above the code of an x86's `ret`. */
  #word(frame: number): number {
    return (frame << 8) | 0xc3;
  }

  #data(page: number, flags: number): void {
    const frame = pfn(this.#nextData++);
    this.ram.words[frame * 1024] = this.#word(frame);
    this.mmu.setEntry(this.#leaf(page), frame, flags);
  }

  /** What the guest needs to run translated. Its accesses leave these entries as they are. */
  #mapGuest(): void {
    if (this.board.guest === 'x86') {
      this.mmu.setEntry(this.#leaf(CODE_PAGE), pfn(0), PTE_PRESENT | PTE_WRITE | PTE_EXECUTE | PTE_ACCESSED | PTE_DIRTY);
    } else if (this.board.guest === 'aarch64') {
      // A block of 1 GiB for the kernel alone, from 1 GiB on: AF, inner shareable, UXN. It is relocated with the others.
      const level1 = this.mmu.entryFrame(ROOT * PAGE_SIZE);
      const block = (1n << 54n) | 0x701n | (BigInt(0x4_0000 - this.board.base) << 12n);
      this.#entry(level1 * PAGE_SIZE + 8, BigInt.asUintN(64, block));
    }
  }

  #entry(address: number, value: bigint): void {
    new DataView(this.ram.buffer).setBigUint64(address, value, true);
  }

  /** What Quire says of an access, with its marks set in Quire's tables. */
  expected({ page, kind }: Probe): Outcome {
    const { format, board, ram } = this;
    const address = BigInt(page) * 4096n + (kind === 1 ? 4n : 0n);
    const image = { bytes: ram.words.length * 4, word: (at: number) => ram.words[at / 4] };
    const request = { format, root: ROOT * PAGE_SIZE, address, access: kind, mode: board.mode, space: 0 } as const;
    const { end } = translate(image, request);
    if (end.how === 'outside') throw new Error('a table is outside of the image');
    if (end.how === 'fault') {
      const fault = { address, access: kind, mode: board.reporter, kind: end.kind, level: end.level, space: 0 };
      const register = faultRegisters(format, fault).find(({ name }) => name === board.cause);
      return { cause: register?.value, value: address };
    }
    expect(this.mmu.walk(ROOT, page, kind)).toBe(Number(end.target.frame));
    const word = BigInt(ram.words[Number(end.target.physical) / 4] as number);
    return { cause: undefined, value: kind === 0 ? word : undefined };
  }

  /** The tables' frames. */
  tables(): Pfn[] {
    const found: Pfn[] = [];
    this.mmu.forEachTable(ROOT, (table) => found.push(table));
    return found;
  }

  /** All of memory as the guest is to see it: frames are numbered from where the image is. */
  image(): Buffer {
    const image = Buffer.from(new Uint8Array(this.ram.bytes));
    const { entryBytes, frameShift, bits, levels } = this.format;
    this.mmu.forEachTable(ROOT, (table, level) => {
      const entries = 2 ** (levels[level]?.indexBits ?? 0);
      for (let at = table * PAGE_SIZE; at < table * PAGE_SIZE + entries * entryBytes; at += entryBytes) {
        const entry = entryBytes === 8 ? image.readBigUInt64LE(at) : BigInt(image.readUInt32LE(at));
        if (((entry >> BigInt(bits.present)) & 1n) === 0n) continue;
        const moved = BigInt.asUintN(64, entry + (BigInt(this.board.base) << BigInt(frameShift)));
        if (entryBytes === 8) image.writeBigUInt64LE(moved, at);
        else image.writeUInt32LE(Number(moved), at);
      }
    });
    return image;
  }

  /** The same, with the guest's program, its settings and the list. */
  bootImage(): Buffer {
    const image = this.image();
    for (const [offset, code] of guests[this.board.guest]) Buffer.from(code, 'base64').copy(image, offset);
    const view = new DataView(image.buffer, image.byteOffset);
    this.board.settle(view, this.format, BigInt(this.board.base + ROOT) * 4096n);
    [...this.probes, { page: 0, kind: END }].forEach(({ page, kind }, i) => {
      view.setBigUint64(LIST + i * SLOT_BYTES, BigInt(page) * 4096n, true);
      view.setBigUint64(LIST + i * SLOT_BYTES + 8, BigInt(kind), true);
    });
    return image;
  }
}

/** Boots the image and returns physical memory when the guest is done. */
async function boot(board: Board, image: Buffer, folder: string): Promise<Buffer> {
  const [file, dump] = [join(folder, 'image'), join(folder, 'dump')];
  writeFileSync(file, image);
  const qemu = spawn(board.command, ['-m', '64', '-display', 'none', '-serial', 'none', '-monitor', 'stdio', ...board.options(file)]);
  let said = '';
  qemu.stdout.on('data', (text) => {
    said += String(text);
  });
  qemu.stderr.on('data', (text) => {
    said += String(text);
  });
  const ended = new Promise((resolve) => {
    qemu.once('exit', resolve);
  });
  try {
    const until = Date.now() + LIMIT_MS;
    while (Date.now() < until && qemu.exitCode === null) {
      rmSync(dump, { force: true });
      qemu.stdin.write(`pmemsave ${board.base * PAGE_SIZE} ${image.length} "${dump}"\n`);
      await new Promise((resolve) => setTimeout(resolve, 150));
      if (!existsSync(dump)) continue;
      const bytes = readFileSync(dump);
      if (bytes.length === image.length && bytes.readUInt32LE(DONE) === 1) return bytes;
    }
    throw new Error(`the guest did not come to its end: ${said.slice(-600)}`);
  } finally {
    qemu.kill('SIGKILL');
    await ended;
  }
}

function isInstalled(command: string): boolean {
  return spawnSync(command, ['--version']).status === 0;
}

for (const command of new Set(boards.map(([, board]) => board.command))) {
  if (!isInstalled(command)) console.warn(`SKIPPED: ${command} is not installed; its page tables were not shown to it.`);
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-qemu-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(boards)('QEMU, on tables of $name', (format, board) => {
  it.skipIf(!isInstalled(board.command))(
    `comes to the same frames, faults and bits as Quire (${board.command})`,
    async () => {
      const scenario = new Scenario(format, board);
      const memory = await boot(board, scenario.bootImage(), folder);
      const width = format.entryBytes === 4 ? 32 : 64;
      const outcomes = scenario.probes.map(({ kind }, i): Outcome => {
        const at = LIST + i * SLOT_BYTES;
        const causeBits = board.cause === 'error code' && width === 64 ? 32 : width;
        const cause = BigInt.asUintN(causeBits, memory.readBigUInt64LE(at + 16));
        const value = BigInt.asUintN(width, memory.readBigUInt64LE(at + 24));
        const none = cause === BigInt.asUintN(causeBits, -1n);
        return { cause: none ? undefined : cause, value: none && kind !== 0 ? undefined : value };
      });
      const expected = scenario.probes.map((probe) => scenario.expected(probe));
      expect(outcomes).toEqual(expected);
      expect(outcomes.filter(({ cause }) => cause !== undefined).length).toBeGreaterThan(5);
      const ours = scenario.image();
      // The processors load PAE's four pointers into registers and never mark them; QEMU marks them like other entries, in a bit that is reserved.
      if (format === pae) for (let at = ROOT * PAGE_SIZE; at < ROOT * PAGE_SIZE + 32; at += 8) memory[at] = (memory[at] as number) & ~0x20;
      for (const table of scenario.tables()) {
        const [from, to] = [table * PAGE_SIZE, (table + 1) * PAGE_SIZE];
        expect(memory.subarray(from, to).toString('hex'), `table in frame ${table}`).toBe(ours.subarray(from, to).toString('hex'));
      }
    },
    LIMIT_MS + 5000,
  );
});
