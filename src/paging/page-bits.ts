/** Reference and modified bits as the hardware keeps them; in the kernel the pmap answers, in the simulator `SimulatedMemory`. */
export interface PageBits {
  /** Returns whether the page was referenced since the last call, and clears the bit. */
  testAndClearReferenced(page: number): boolean;
  /** Returns whether the page was written since it was last clean. */
  isModified(page: number): boolean;
}
