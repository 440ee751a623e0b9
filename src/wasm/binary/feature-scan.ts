// Decodes every instruction once, to say which features the code uses and how much of it is loads and stores. `quire info` asks;
// a run does not.

import { ByteReader } from './byte-reader.ts';
import { skipImmediates } from './instructions.ts';
import type { Feature, ModuleInfo } from './module-info.ts';
import { Op, OpFC, OpFD } from './opcodes.ts';

/** What the code of a module consists of; static counts. */
export interface CodeScan {
  readonly features: ReadonlySet<Feature>;
  readonly instructions: number;
  readonly loads: number;
  readonly stores: number;
}

/**
 * Scans all function bodies. Cost: about 0.1 s per 10 MB of code.
 * @throws UsageError for a malformed body or an instruction that Quire does not run.
 */
export function scanFeatures(module: ModuleInfo): CodeScan {
  const counts = new Float64Array(0x1_0000);
  for (let i = 0; i < module.bodies.count; i++) scanBody(module, i, counts);
  const sum = (from: number, to: number): number => counts.subarray(from, to + 1).reduce((a, b) => a + b, 0);
  const simd = Op.prefixFD * 256;
  const bulk = Op.prefixFC * 256;
  const features = new Set(module.declaredFeatures);
  const note = (feature: Feature, count: number): void => {
    if (count > 0) features.add(feature);
  };
  note('sign-extension', sum(0xc0, 0xc4));
  note('saturating-float', sum(bulk, bulk + 7));
  note('bulk-memory', sum(bulk + OpFC.memoryInit, bulk + OpFC.tableCopy));
  note('reference-types', sum(bulk + OpFC.tableGrow, bulk + OpFC.tableFill) + sum(Op.refNull, Op.refFunc) + sum(Op.tableGet, Op.tableSet));
  note('tail-calls', sum(Op.returnCall, Op.returnCallIndirect));
  note('simd', sum(simd, simd + OpFD.last));
  return {
    features,
    instructions: sum(0, 0xffff),
    loads:
      sum(Op.i32Load, Op.i64Load32U) +
      sum(simd, simd + OpFD.load64Splat) +
      sum(simd + OpFD.load8Lane, simd + OpFD.load64Lane) +
      sum(simd + OpFD.load32Zero, simd + OpFD.load64Zero),
    stores:
      sum(Op.i32Store, Op.i64Store32) + sum(simd + OpFD.store, simd + OpFD.store) + sum(simd + OpFD.store8Lane, simd + OpFD.store64Lane),
  };
}

function scanBody(module: ModuleInfo, i: number, counts: Float64Array): void {
  const reader = new ByteReader(
    module.bytes,
    module.bodies.start[i] as number,
    module.bodies.end[i] as number,
    `the code of function ${module.importedFunctionCount + i}`,
  );
  for (let groups = reader.u32(); groups > 0; groups--) {
    reader.u32();
    reader.u8();
  }
  while (reader.position < reader.end) {
    const code = skipImmediates(reader, reader.u8());
    counts[code] = (counts[code] as number) + 1;
  }
}
