// wasm/binary/: reading WebAssembly modules. Start at module-info.ts.
export { ByteReader, fileOffset } from './byte-reader.ts';
export { type Constant, type FunctionIndexVisitor, readConstant, visitFunctionIndex } from './constant-expressions.ts';
export { visitElements } from './element-segments.ts';
export { type CodeScan, scanFeatures } from './feature-scan.ts';
export { skipImmediates, skipMemoryIndex } from './instructions.ts';
export * from './module-info.ts';
export { readModule } from './module-reader.ts';
export { NameSubsection } from './names.ts';
export { describeUnknownOpcode, fcShapes, fdShapes, Op, OpFC, OpFD, opShapes, SectionId, Shape, ValueType } from './opcodes.ts';
