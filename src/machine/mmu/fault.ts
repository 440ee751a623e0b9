// What an MMU answers when it cannot translate, and how a processor reports it.

/** Kinds of access. */
export const ACCESS_READ = 0;
/** A store. */
export const ACCESS_WRITE = 1;
/** An instruction fetch. */
export const ACCESS_EXECUTE = 2;

/** A kind of access: `ACCESS_READ`, `ACCESS_WRITE` or `ACCESS_EXECUTE`. */
export type Access = 0 | 1 | 2;

/** The walk met an entry that is not present. */
export const FAULT_NOT_PRESENT = -1;
/** Every entry was present, and one of them forbids the access. */
export const FAULT_PROTECTION = -2;

/** Bit of an x86 error code: the page was present, so the access was forbidden. */
export const ERROR_PRESENT = 1;
/** Bit of an x86 error code: the access was a write. */
export const ERROR_WRITE = 2;
/** Bit of an x86 error code: the processor was in user mode. */
export const ERROR_USER = 4;
/** Bit of an x86 error code: the access was an instruction fetch. */
export const ERROR_FETCH = 16;

/** Returns the error code that an x86 pushes for `fault` (a negative result of `Mmu.walk`; Intel SDM vol. 3, 4.7). */
export function faultErrorCode(fault: number, access: Access, mode: 'user' | 'kernel' = 'user'): number {
  return (
    (fault === FAULT_PROTECTION ? ERROR_PRESENT : 0) |
    (access === ACCESS_WRITE ? ERROR_WRITE : 0) |
    (mode === 'user' ? ERROR_USER : 0) |
    (access === ACCESS_EXECUTE ? ERROR_FETCH : 0)
  );
}
