// What stops a process from inside the kernel. Thrown out of a trap, through the program's own frames, to whoever runs it.

import { FaultOutcome } from '../system/index.ts';

/** An access that could not be resolved; the process that made it ends. */
export class GuestFault extends Error {
  /** Why; never `resolved`. */
  readonly outcome: FaultOutcome;
  /** First byte of the access, before any wrapping: may lie above 2^32. */
  readonly address: number;
  readonly size: number;
  readonly access: 'read' | 'write';

  constructor(outcome: FaultOutcome, address: number, size: number, access: 'read' | 'write') {
    super(`${access} of ${size} bytes at 0x${address.toString(16)}: ${outcomeText(outcome)}`);
    this.name = 'GuestFault';
    this.outcome = outcome;
    this.address = address;
    this.size = size;
    this.access = access;
  }
}

/** Says in words why a fault could not be resolved. */
export function outcomeText(outcome: FaultOutcome): string {
  switch (outcome) {
    case FaultOutcome.unmapped:
      return 'nothing is mapped there';
    case FaultOutcome.protection:
      return 'the area does not allow it';
    case FaultOutcome.outOfMemory:
      return 'out of memory and swap';
    case FaultOutcome.ioError:
      return 'the page could not be read from its device';
    default:
      return 'resolved';
  }
}
