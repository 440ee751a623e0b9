// machine/: the hardware. RAM, the boot memory map, the MMU and its formats, the TLB, block devices.
export * from './block-device.ts';
export * from './disk.ts';
export * from './dma-device.ts';
export * from './faulty-device.ts';
export * from './memory-device.ts';
export * from './memory-map.ts';
export { parseMemoryMap } from './memory-map-text.ts';
export * from './mmu/index.ts';
export * from './programmed-io.ts';
export * from './ram.ts';
export * from './segmentation/index.ts';
export * from './tlb.ts';
export * from './tlb-model/index.ts';
export * from './transfer.ts';
export { ZERO_RUN_FRAMES } from './zero-run.ts';
