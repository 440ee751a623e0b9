// Builds small modules from opcode bytes, for tests. It shares nothing with src/wasm/rewrite, which it helps to test.

/** Encodes an unsigned LEB128 number. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return [...bytes, rest];
}

/** Encodes a signed LEB128 number. */
export function signed(value: bigint | number): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest < -64n || rest > 63n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) + 0x80);
  return [...bytes, Number(rest & 0x7fn)];
}

/** One function of a module to build. */
export interface FunctionSpec {
  readonly parameters?: readonly number[];
  readonly results?: readonly number[];
  /** Types of the locals after the parameters. */
  readonly locals?: readonly number[];
  /** Instructions, without the final `end`. */
  readonly code: readonly number[];
  /** The name to export it under. */
  readonly name?: string;
}

/** An imported function with a type of its own. */
interface ImportSpec {
  readonly module: string;
  readonly name: string;
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

/** A module to build. */
export interface ModuleSpec {
  /** Function imports; a name alone is one from module `env` that takes and returns nothing. */
  readonly imports?: readonly (string | ImportSpec)[];
  readonly functions: readonly FunctionSpec[];
  /** Minimum and maximum of a memory exported as `memory`. */
  readonly memory?: readonly [minimum: number, maximum?: number];
  /** Active at an address, or passive. */
  readonly data?: readonly { readonly at?: number; readonly bytes: readonly number[] }[];
  /** Initial values of mutable i32 globals. */
  readonly globals?: readonly number[];
  /** Functions of table 0, by index. */
  readonly elements?: readonly number[];
  readonly start?: number;
  readonly customs?: readonly { readonly name: string; readonly bytes: readonly number[] }[];
}

const vector = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const text = (value: string): number[] => [...unsigned(value.length), ...new TextEncoder().encode(value)];
const section = (id: number, contents: readonly number[]): number[] => [id, ...unsigned(contents.length), ...contents];
const END = 0x0b;
const I32 = 0x7f;

const typeOf = (parameters: readonly number[], results: readonly number[]): number[] => [
  0x60,
  ...vector(parameters.map((t) => [t])),
  ...vector(results.map((t) => [t])),
];

function bodyOf(spec: FunctionSpec): number[] {
  const body = [...vector((spec.locals ?? []).map((type) => [1, type])), ...spec.code, END];
  return [...unsigned(body.length), ...body];
}

function segmentOf(segment: { readonly at?: number; readonly bytes: readonly number[] }): number[] {
  const mode = segment.at === undefined ? [1] : [0, 0x41, ...signed(segment.at | 0), END];
  return [...mode, ...unsigned(segment.bytes.length), ...segment.bytes];
}

/** Returns the module's bytes. */
export function buildModule(spec: ModuleSpec): Uint8Array<ArrayBuffer> {
  // Type 0 takes and returns nothing, type i + 1 is that of own function i, and those of imports follow.
  const types = [typeOf([], []), ...spec.functions.map((f) => typeOf(f.parameters ?? [], f.results ?? []))];
  const imports = (spec.imports ?? []).map((each) => {
    if (typeof each === 'string') return [...text('env'), ...text(each), 0, 0];
    const type = types.push(typeOf(each.parameters, each.results)) - 1;
    return [...text(each.module), ...text(each.name), 0, ...unsigned(type)];
  });
  const exported = spec.functions.flatMap((f, i) => (f.name === undefined ? [] : [[...text(f.name), 0, ...unsigned(imports.length + i)]]));
  const limits =
    spec.memory?.[1] === undefined
      ? [0, ...unsigned(spec.memory?.[0] ?? 0)]
      : [1, ...unsigned(spec.memory[0]), ...unsigned(spec.memory[1])];
  return new Uint8Array([
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, vector(types)),
    ...(imports.length > 0 ? section(2, vector(imports)) : []),
    ...section(3, vector(spec.functions.map((_, i) => unsigned(i + 1)))),
    ...(spec.elements ? section(4, [1, 0x70, 0, ...unsigned(spec.elements.length)]) : []),
    ...(spec.memory ? section(5, [1, ...limits]) : []),
    ...(spec.globals ? section(6, vector(spec.globals.map((value) => [I32, 1, 0x41, ...signed(value), END]))) : []),
    ...section(7, vector([...exported, ...(spec.memory ? [[...text('memory'), 2, 0]] : [])])),
    ...(spec.start === undefined ? [] : section(8, unsigned(spec.start))),
    ...(spec.elements ? section(9, [1, 0, 0x41, 0, END, ...vector(spec.elements.map(unsigned))]) : []),
    ...(spec.data ? section(12, unsigned(spec.data.length)) : []),
    ...section(10, vector(spec.functions.map(bodyOf))),
    ...(spec.data ? section(11, vector(spec.data.map(segmentOf))) : []),
    ...(spec.customs ?? []).flatMap((custom) => section(0, [...text(custom.name), ...custom.bytes])),
  ]);
}
