// Programs written as WebAssembly text, for tests: WABT assembles them, and tells where in the file each instruction is.

import wabt from 'wabt';

const toolkit = await wabt();

/** A module, assembled. */
export interface Assembled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Returns the file offset of the only instruction called `mnemonic`. */
  offsetOf(mnemonic: string): number;
}

/** Assembles `text`, with the names of its functions. The proposals that Quire refuses are known here too. */
export function assemble(text: string): Assembled {
  const features = { multi_memory: true, memory64: true, threads: true, bulk_memory: true };
  const module = toolkit.parseWat('test.wat', text, features);
  try {
    const { buffer, log } = module.toBinary({ log: true, write_debug_names: true });
    return { bytes: Uint8Array.from(buffer), offsetOf: (mnemonic) => offsetIn(log, mnemonic) };
  } finally {
    module.destroy();
  }
}

// Lines of the log: `000003e: fc                                        ; prefix`, `000003f: 0b ... ; memory.fill`. WABT guesses how
// many bytes a size takes, and where it was wrong moves what it has written by then: `; move data: [3a, 4c) -> [37, 49)`.
function offsetIn(log: string, mnemonic: string): number {
  const lines = log.split('\n');
  const found = lines.flatMap((line, i) => (line.endsWith(`; ${mnemonic}`) ? [i] : []));
  if (found.length !== 1) throw new Error(`${found.length} instructions are called ${mnemonic}`);
  const at = found[0] as number;
  let offset = Number.parseInt(lines[lines[at - 1]?.endsWith('; prefix') ? at - 1 : at] as string, 16);
  for (const line of lines.slice(at)) {
    const move = /^; move data: \[([0-9a-f]+), ([0-9a-f]+)\) -> \[([0-9a-f]+)/.exec(line);
    const [start, end, to] = (move?.slice(1) ?? []).map((hex) => Number.parseInt(hex, 16)) as [number, number, number];
    if (move !== null && offset >= start && offset < end) offset += to - start;
  }
  return offset;
}
