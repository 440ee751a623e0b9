// A translation as plain data: the JSON form of `quire walk --json`, one object for each address. Numbers that may need more than 53 bits
// are hexadecimal text.

import {
  ACCESS_EXECUTE,
  ACCESS_WRITE,
  type FaultRegister,
  faultRegisters,
  type NamedBits,
  type Translation,
  type TranslationRequest,
  type TranslationStep,
  type TranslationTarget,
} from '../machine/index.ts';
import type { RegisterReport } from './run-report.ts';

/** One address, followed through the tables. */
export interface WalkReport {
  readonly address: string;
  readonly format: string;
  readonly access: 'read' | 'write' | 'execute';
  readonly mode: 'user' | 'kernel';
  readonly steps: readonly WalkStepReport[];
  /** Where it leads, unless there is no translation at all. */
  readonly page?: WalkPageReport;
  readonly fault?: WalkFaultReport;
}

/** One entry on the way. */
export interface WalkStepReport {
  readonly level: number;
  /** What the manual calls the table. */
  readonly name: string;
  readonly table: string;
  readonly index: number;
  readonly entryAddress: string;
  readonly entry: string;
  /** Bits `high:low` by the manual's name, each with its value. */
  readonly fields: readonly { readonly name: string; readonly bits: string; readonly value: string }[];
  readonly role: TranslationStep['role'];
}

/** The page that an address is in. */
export interface WalkPageReport {
  readonly frame: string;
  readonly physical: string;
  readonly pageBytes: number;
  readonly rights: TranslationTarget['rights'];
  readonly accessed?: boolean;
  readonly dirty?: boolean;
}

/** Why the access is not allowed. */
export interface WalkFaultReport {
  readonly kind: string;
  readonly level: number;
  readonly why: string;
  readonly registers: readonly RegisterReport[];
}

/** Returns a number as `0x` and so many hexadecimal digits, in groups of four. */
export function formatHex(value: bigint | number, digits: number): string {
  return `0x${value
    .toString(16)
    .padStart(digits, '0')
    .replace(/\B(?=([0-9a-f]{4})+$)/g, '_')}`;
}

/** Returns a register as data. */
export function registerReport({ name, value, bits, meaning }: FaultRegister): RegisterReport {
  // Small codes are read as numbers, addresses and whole registers in their width.
  return { name, value: value < 0x100n ? `0x${value.toString(16)}` : formatHex(value, bits === 32 ? 8 : 16), meaning };
}

/** Returns a translation as data. It ended in a page or a fault, not outside the image. */
export function walkReport(request: TranslationRequest, { steps, end }: Translation): WalkReport {
  const { format, address, access, mode, space } = request;
  const target = end.how === 'outside' ? undefined : end.target;
  const digits = addressDigits(request);
  const registers = (): RegisterReport[] =>
    end.how === 'fault'
      ? faultRegisters(format, { address, access, mode, kind: end.kind, level: end.level, space }).map(registerReport)
      : [];
  return {
    address: formatHex(address, digits),
    format: format.name,
    access: access === ACCESS_WRITE ? 'write' : access === ACCESS_EXECUTE ? 'execute' : 'read',
    mode,
    steps: steps.map((step) => stepReport(step, format.architecture === 'hashed' && step.level > 0 ? 32 : format.entryBytes * 2)),
    ...(target !== undefined && { page: pageReport(target) }),
    ...(end.how === 'fault' && { fault: { kind: end.kind, level: end.level, why: end.why, registers: registers() } }),
  };
}

/** Hexadecimal digits of an address that the format translates. */
function addressDigits({ format }: TranslationRequest): number {
  return format.levels.reduce((sum, level) => sum + level.indexBits, 0) > 20 ? 12 : 8;
}

function stepReport(step: TranslationStep, entryDigits: number): WalkStepReport {
  return {
    level: step.level,
    name: step.name,
    table: formatHex(step.table, 8),
    index: step.index,
    entryAddress: formatHex(step.entryAddress, 8),
    entry: formatHex(step.entry, entryDigits),
    fields: step.fields.map(fieldReport),
    role: step.role,
  };
}

function fieldReport({ name, low, width, value }: NamedBits): WalkStepReport['fields'][number] {
  const bits = width === 1 ? String(low) : `${low + width - 1}:${low}`;
  return { name, bits, value: width === 1 ? String(value) : `0x${value.toString(16)}` };
}

function pageReport({ frame, physical, pageBytes, rights, accessed, dirty }: TranslationTarget): WalkPageReport {
  return {
    frame: `0x${frame.toString(16)}`,
    physical: formatHex(physical, 8),
    pageBytes,
    rights: { ...rights },
    ...(accessed !== undefined && { accessed }),
    ...(dirty !== undefined && { dirty }),
  };
}
