// What a processor shows its kernel when it cannot translate: registers by architecture, with their bits named.
//
//   x86      error code, pushed on the stack; CR2                 Intel SDM vol. 3, 4.7
//   riscv    scause, stval                                        Privileged Architecture, 4.1.8 and 4.1.9
//   aarch64  ESR_EL1 (EC, IL, WnR, DFSC), FAR_EL1                 DDI 0487, D17.2.37: ISS encoding for an abort
//   mips     Cause, BadVAddr, EntryHi, Context                    R4000 User's Manual, chapters 4 and 5
//   hashed   DSISR and DAR, of a fetch SRR1 and SRR0              PowerPC, book III: data and instruction storage interrupts
//
// Every level of a fault counts from the root, 0, as AArch64 counts.

import { ACCESS_EXECUTE, ACCESS_WRITE, type Access, FAULT_NOT_PRESENT, FAULT_PROTECTION, faultErrorCode } from './fault.ts';
import type { Architecture, PageTableFormat } from './format.ts';

/** Why an access has no translation. `reserved`: an entry has a form that the architecture does not allow. */
export type TranslationFault = 'not present' | 'protection' | 'reserved';

/** Who makes an access. */
export type AccessMode = 'user' | 'kernel';

/** An access that the hardware could not translate. */
export interface FaultedAccess {
  readonly address: bigint;
  readonly access: Access;
  readonly mode: AccessMode;
  readonly kind: TranslationFault;
  /** Level of the entry that stopped the walk. */
  readonly level: number;
  /** The space, where the hardware has its number: an ASID. */
  readonly space: number;
}

/** A register after a fault. */
export interface FaultRegister {
  readonly name: string;
  readonly value: bigint;
  /** Width in bits. */
  readonly bits: 32 | 64;
  /** What its bits say, in words. */
  readonly meaning: string;
}

/** Bit of an x86 error code: a reserved bit was set. */
const ERROR_RESERVED = 8;
/** RISC-V's causes, by access: load, store, fetch page fault. */
const SCAUSES = [13n, 15n, 12n] as const;
const SCAUSE_NAMES = ['load page fault', 'store page fault', 'instruction page fault'] as const;
/** MIPS: ExcCode of a modified, a load and a store exception; ASIDs are a byte. */
const EXC_MODIFIED = 1n;
const EXC_LOAD = 2n;
const EXC_STORE = 3n;
const ASID_MASK = 0xff;

const makers: Readonly<Record<Architecture, (format: PageTableFormat, fault: FaultedAccess) => FaultRegister[]>> = {
  x86: x86Registers,
  riscv: riscvRegisters,
  aarch64: aarch64Registers,
  mips: mipsRegisters,
  hashed: storageRegisters,
  plain: () => [],
};

/** Returns the registers that a processor with page tables of `format` shows after `fault`. */
export function faultRegisters(format: PageTableFormat, fault: FaultedAccess): FaultRegister[] {
  return makers[format.architecture](format, fault);
}

function x86Registers(format: PageTableFormat, { address, access, mode, kind }: FaultedAccess): FaultRegister[] {
  const result = kind === 'not present' ? FAULT_NOT_PRESENT : FAULT_PROTECTION;
  // Bit 4 is set only where fetches can be told: with no-execute in the format.
  const plain = faultErrorCode(result, access === ACCESS_EXECUTE && format.bits.execute === -1 ? 0 : access, mode);
  const code = plain | (kind === 'reserved' ? ERROR_RESERVED : 0);
  const words = [
    kind === 'not present' ? 'page not present' : 'page present',
    access === ACCESS_WRITE ? 'write' : access === ACCESS_EXECUTE && format.bits.execute !== -1 ? 'fetch' : 'read',
    mode === 'user' ? 'user mode' : 'kernel mode',
    ...(kind === 'reserved' ? ['reserved bit set'] : []),
  ];
  const bits = format.levels.length > 3 ? 64 : 32;
  return [
    { name: 'error code', value: BigInt(code), bits: 32, meaning: words.join(', ') },
    { name: 'CR2', value: address, bits, meaning: 'the address' },
  ];
}

function riscvRegisters(format: PageTableFormat, { address, access }: FaultedAccess): FaultRegister[] {
  const bits = format.entryBytes === 4 ? 32 : 64;
  return [
    { name: 'scause', value: SCAUSES[access], bits, meaning: SCAUSE_NAMES[access] },
    { name: 'stval', value: address, bits, meaning: 'the address' },
  ];
}

function aarch64Registers(_format: PageTableFormat, { address, access, mode, kind, level }: FaultedAccess): FaultRegister[] {
  const isFetch = access === ACCESS_EXECUTE;
  const exceptionClass = (isFetch ? 0x20n : 0x24n) + (mode === 'kernel' ? 1n : 0n);
  const status = (kind === 'protection' ? 0b001100n : 0b000100n) | BigInt(level);
  const writeNotRead = access === ACCESS_WRITE ? 1n << 6n : 0n;
  const what = `${isFetch ? 'instruction' : 'data'} abort from ${mode === 'user' ? 'EL0' : 'EL1'}`;
  const why = `${kind === 'protection' ? 'permission' : 'translation'} fault, level ${level}`;
  return [
    {
      name: 'ESR_EL1',
      value: (exceptionClass << 26n) | (1n << 25n) | writeNotRead | status,
      bits: 64,
      meaning: `${what}${access === ACCESS_WRITE ? ', write' : ''}: ${why}`,
    },
    { name: 'FAR_EL1', value: address, bits: 64, meaning: 'the address' },
  ];
}

function mipsRegisters(_format: PageTableFormat, { address, access, kind, space }: FaultedAccess): FaultRegister[] {
  const isStore = access === ACCESS_WRITE;
  const modified = kind === 'protection' && isStore;
  const code = modified ? EXC_MODIFIED : isStore ? EXC_STORE : EXC_LOAD;
  const pair = address >> 13n;
  const asid = BigInt(space & ASID_MASK);
  const name = modified ? 'TLB modified' : isStore ? 'TLB invalid, store' : 'TLB invalid, load or fetch';
  return [
    { name: 'Cause', value: code << 2n, bits: 32, meaning: `ExcCode ${code}: ${name}` },
    { name: 'BadVAddr', value: address, bits: 32, meaning: 'the address' },
    { name: 'EntryHi', value: (pair << 13n) | asid, bits: 32, meaning: `VPN2 0x${pair.toString(16)}, ASID ${asid}` },
    { name: 'Context', value: pair << 4n, bits: 32, meaning: `BadVPN2 0x${pair.toString(16)}, PTEBase 0` },
  ];
}

function storageRegisters(_format: PageTableFormat, { address, access, kind }: FaultedAccess): FaultRegister[] {
  const isMissing = kind === 'not present';
  const why = isMissing ? 'no entry in the table' : 'protection';
  if (access === ACCESS_EXECUTE) {
    const value = isMissing ? 0x4000_0000n : 0x1000_0000n;
    return [
      { name: 'SRR1', value, bits: 32, meaning: isMissing ? why : 'no-execute' },
      { name: 'SRR0', value: address, bits: 32, meaning: 'the address' },
    ];
  }
  const isStore = access === ACCESS_WRITE;
  const value = (isMissing ? 0x4000_0000n : 0x0800_0000n) | (isStore ? 0x0200_0000n : 0n);
  return [
    { name: 'DSISR', value, bits: 32, meaning: `${why}, ${isStore ? 'store' : 'load'}` },
    { name: 'DAR', value: address, bits: 32, meaning: 'the address' },
  ];
}
