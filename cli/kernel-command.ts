// `quire kernel`: the kernel's own memory. Each question is a command of its own, in a file of its own (kernel-<question>-command.ts).

import { Command } from 'commander';
import { kernelHeapCommand } from './kernel-heap-command.ts';
import { kernelMapsCommand } from './kernel-maps-command.ts';
import { kernelVmemCommand } from './kernel-vmem-command.ts';
import type { Terminal } from './terminal.ts';

const examples = `
Examples:
  $ quire kernel maps --memory 4GiB
  $ quire kernel vmem --quanta 1000000 --arena instant,best
  $ quire kernel heap --workload fork
docs/kernel.md says what each design is, and which to choose.`;

/** Makes the command with its subcommands; `finish` gets the exit code. */
export function kernelCommand(terminal: Terminal, finish: (exitCode: number | Promise<number>) => void): Command {
  return new Command('kernel')
    .summary("compare designs for the kernel's own memory")
    .addHelpText('after', examples)
    .addCommand(kernelHeapCommand(terminal, finish))
    .addCommand(kernelMapsCommand(terminal, finish))
    .addCommand(kernelVmemCommand(terminal, finish));
}
