// One known defect of real programs. wasi-libc's `__secs_to_zone` (the time-zone half of localtime, mktime, strftime) was for years
//
//   *isdst = 0; *offset = 0; *oppoff = 0; *zonename = "UTC";
//
// although its callers pass a null `oppoff`. On plain WebAssembly the store lands at address 0 and nobody notices; where page 0 is
// unmapped it would stop CPython in its first second. The function is recognised by its exact shape, and its stores through null
// fall away, as the repaired library does it. No other function is treated so: null stores are caught everywhere else.

import { ByteReader, type ModuleInfo, Op, ValueType } from '../binary/index.ts';

/** Its parameters after the time: isdst, offset, oppoff, zonename; `local` comes before them where the compiler kept it. */
const POINTER_COUNTS = [4, 5];
const STORES = 4;
const ZERO_STORES = 3;
/** Four stores of 7 to 11 bytes, locals and end: anything longer is another function. */
const LONGEST_BODY = 48;
/** Bytes of the instruction `i32.store` with natural alignment and offset 0. */
const PLAIN_STORE = [Op.i32Store, 2, 0] as const;

/** One store of the stub: `local.get pointer; i32.const ...; i32.store`. File offsets. */
export interface StubStore {
  readonly pointer: number;
  /** Where the constant's instruction lies. */
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly end: number;
}

/** Returns the stores of own function `i` if it is the defective stub, else undefined. */
export function timeZoneStubStores(module: ModuleInfo, i: number): readonly StubStore[] | undefined {
  const start = module.bodies.start[i] as number;
  const end = module.bodies.end[i] as number;
  if (end - start > LONGEST_BODY || !hasStubSignature(module, i)) return undefined;
  const reader = new ByteReader(module.bytes, start, end, 'a function body');
  if (reader.u8() !== 0) return undefined;
  const stores: StubStore[] = [];
  let zeros = 0;
  while (reader.position < end - 1) {
    if (reader.u8() !== Op.localGet) return undefined;
    const pointer = reader.u32();
    const valueStart = reader.position;
    if (reader.u8() !== Op.i32Const) return undefined;
    if (reader.s32() === 0) zeros++;
    const valueEnd = reader.position;
    for (const byte of PLAIN_STORE) if (reader.u8() !== byte) return undefined;
    stores.push({ pointer, valueStart, valueEnd, end: reader.position });
  }
  return stores.length === STORES && zeros === ZERO_STORES ? stores : undefined;
}

/** Tells whether a module has the defective stub anywhere. */
export function hasTimeZoneStub(module: ModuleInfo): boolean {
  for (let i = 0; i < module.bodies.count; i++) if (timeZoneStubStores(module, i) !== undefined) return true;
  return false;
}

function hasStubSignature(module: ModuleInfo, i: number): boolean {
  const type = module.types[module.functionTypes[module.importedFunctionCount + i] as number];
  if (type === undefined || type.results.length !== 0 || type.parameters[0] !== ValueType.i64) return false;
  const rest = type.parameters.slice(1);
  return POINTER_COUNTS.includes(rest.length) && rest.every((parameter) => parameter === ValueType.i32);
}
