// What a module declares, as the rewriter, the loader and `quire info` need it. Read once by module-reader.ts; the module's bytes
// are kept, never copied: bodies, data and names are ranges of the file.
//
// Index spaces follow the specification: imported functions and globals come first. Offsets are byte offsets in the file.

/** A section as it lies in the file. */
export interface Section {
  readonly id: number;
  /** The name of a custom section, `''` for the others. */
  readonly name: string;
  /** File offset of the section's id byte. */
  readonly start: number;
  /** File offset of its contents (of a custom section: after the name). */
  readonly contents: number;
  /** File offset after its last byte. */
  readonly end: number;
}

/** A function signature: value types as their bytes (`ValueType`). */
export interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

/** Sizes of a memory or a table; a memory's are in 64 KiB pages. */
export interface Limits {
  readonly minimum: number;
  readonly maximum: number | undefined;
}

/** What is imported or exported. */
export type ExternKind = 'function' | 'table' | 'memory' | 'global';

/** One import. */
export interface ImportEntry {
  readonly module: string;
  readonly name: string;
  readonly kind: ExternKind;
  /** Its index in the index space of its kind. */
  readonly index: number;
  /** Index of the signature, for functions. */
  readonly type: number | undefined;
  /** File offsets of the whole entry. */
  readonly start: number;
  readonly end: number;
}

/** One export. */
export interface ExportEntry {
  readonly name: string;
  readonly kind: ExternKind;
  readonly index: number;
}

/** The module's memory. */
export interface MemoryInfo extends Limits {
  readonly source: 'own' | 'imported';
}

/** One global. */
export interface GlobalInfo {
  readonly type: number;
  readonly mutability: 'constant' | 'variable';
  readonly source: 'own' | 'imported';
  /** Its first value, where that is an `i32.const`. */
  readonly initialI32: number | undefined;
}

/** Kinds of data segments, as in `DataSegments.kind`. */
export const SegmentKind = { passive: 0, activeAtConstant: 1, activeAtGlobal: 2 } as const;

/** All data segments, one typed array per field: a preinitialised interpreter has 64,000 of them. */
export interface DataSegments {
  readonly count: number;
  /** A `SegmentKind` per segment. */
  readonly kind: Uint8Array;
  /** The address of a segment active at a constant; the index of the i32 global that holds it, for one active at a global. */
  readonly offset: Uint32Array;
  /** Where its bytes begin in the file. */
  readonly fileOffset: Uint32Array;
  /** Its length in bytes. */
  readonly length: Uint32Array;
}

/** The code bodies, by index among the module's own functions. */
export interface FunctionBodies {
  readonly count: number;
  /** File offset of the locals, after the size field. */
  readonly start: Uint32Array;
  /** File offset after the final `end`. */
  readonly end: Uint32Array;
}

/** A post-MVP feature that Quire runs. */
export type Feature =
  | 'bulk-memory'
  | 'extended-const'
  | 'multi-value'
  | 'mutable-globals'
  | 'reference-types'
  | 'saturating-float'
  | 'sign-extension'
  | 'simd'
  | 'tail-calls';

/** A module, read. */
export interface ModuleInfo {
  readonly bytes: Uint8Array;
  readonly sections: readonly Section[];
  readonly types: readonly FunctionType[];
  readonly imports: readonly ImportEntry[];
  readonly exports: readonly ExportEntry[];
  /** The signature of every function, imported ones first. */
  readonly functionTypes: Uint32Array;
  readonly importedFunctionCount: number;
  readonly tables: readonly Limits[];
  readonly memory: MemoryInfo | undefined;
  readonly globals: readonly GlobalInfo[];
  readonly startFunction: number | undefined;
  readonly bodies: FunctionBodies;
  readonly data: DataSegments;
  /** Features that the sections show; `scanFeatures` adds those that only the code shows. */
  readonly declaredFeatures: ReadonlySet<Feature>;
  /** Returns the name that the name section gives a function, or undefined. The section is read at the first call. */
  functionName(functionIndex: number): string | undefined;
}
