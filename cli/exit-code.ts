// The exit codes that are Quire's own; every other is the guest's.

/** Exit codes of the command line. */
export const ExitCode = {
  fine: 0,
  /** The guest was stopped: by a trap, a fault, a signal of its own, or the kernel. */
  guestFailed: 1,
  /** `quire quiz`: an answer is wrong. */
  wrongAnswer: 1,
  /** `quire heap`: an allocator gave a wrong answer. */
  allocatorFailed: 1,
  /** Wrong options, bad input, or output that could not be written. */
  usage: 2,
  /** Ctrl-C: 128 and the signal's number, as a shell has it. */
  interrupted: 130,
} as const;
