// Runs the scripts of the WebAssembly specification's test suite, as wast2json writes them, on a `SpecHost`, and says what each
// command came to, as text that can be compared between hosts.

import type { SpecHost, SpecInstance } from './spec-host.ts';

interface Value {
  readonly type: string;
  readonly value?: string;
}
interface Action {
  readonly type: 'invoke' | 'get';
  readonly module?: string;
  readonly field: string;
  readonly args?: readonly Value[];
}

/** One command of a script. */
export interface SpecCommand {
  readonly type: string;
  readonly line: number;
  readonly filename?: string;
  readonly name?: string;
  readonly as?: string;
  readonly module_type?: 'binary' | 'text';
  readonly action?: Action;
  readonly expected?: readonly Value[];
}

/** What became of one command: its line, and `returned ...`, `trapped`, `refused` (malformed, invalid or unlinkable) or `skipped`. */
export interface SpecOutcome {
  readonly line: number;
  readonly type: string;
  readonly outcome: string;
  /** What the script says it should be, in the same words; undefined where it does not say. */
  readonly expected: string | undefined;
}

const scratch = new DataView(new ArrayBuffer(8));

function decode({ type, value = '0' }: Value): number | bigint | null {
  switch (type) {
    case 'i32':
      return Number(value) | 0;
    case 'i64':
      return BigInt.asIntN(64, BigInt(value));
    case 'f32':
      scratch.setUint32(0, Number(value));
      return scratch.getFloat32(0);
    case 'f64':
      scratch.setBigUint64(0, BigInt(value));
      return scratch.getFloat64(0);
    default:
      return null;
  }
}

// NaNs lose their payloads at the JavaScript boundary, so all are written alike.
function describe(type: string, value: unknown): string {
  if (typeof value === 'number' && (type === 'f32' || type === 'f64')) return `${type}:${Object.is(value, -0) ? '-0' : value}`;
  return `${type}:${String(value)}`;
}

function describeExpected(value: Value): string {
  return value.value?.startsWith('nan:') ? `${value.type}:NaN` : describe(value.type, decode(value));
}

function describeError(error: unknown): string {
  if (error instanceof WebAssembly.RuntimeError) return `trapped: ${error.message}`;
  if (error instanceof RangeError) return 'exhausted';
  const name = error instanceof Error ? error.name : 'Error';
  // An invalid module may be refused by the rewriter or by the engine.
  return name === 'UsageError' || name === 'CompileError' || name === 'LinkError' ? 'refused' : `${name}: ${String(error)}`;
}

/** One run of one script. */
class ScriptRun {
  readonly #host: SpecHost;
  readonly #read: (filename: string) => Uint8Array;
  readonly #named = new Map<string, SpecInstance>();
  readonly #imports: Record<string, SpecInstance>;
  #current: SpecInstance | undefined;

  constructor(host: SpecHost, read: (filename: string) => Uint8Array) {
    this.#host = host;
    this.#read = read;
    this.#imports = { spectest: host.spectest };
  }

  run(command: SpecCommand): string {
    try {
      return this.#perform(command);
    } catch (error) {
      const outcome = describeError(error);
      // Which segment is out of bounds is put in each host's own words.
      return command.type === 'assert_uninstantiable' && outcome.startsWith('trapped') ? 'trapped' : outcome;
    }
  }

  #perform(command: SpecCommand): string {
    if (command.module_type === 'text') return 'skipped';
    if (command.action !== undefined) return this.#act(command.action, command.expected ?? []);
    if (command.type === 'register') {
      this.#imports[command.as ?? ''] = this.#instance(command.name);
      return 'returned';
    }
    if (command.filename === undefined) return 'skipped';
    const instance = this.#host.instantiate(this.#read(command.filename), this.#imports);
    if (command.type === 'module') {
      this.#current = instance;
      if (command.name !== undefined) this.#named.set(command.name, instance);
    }
    return 'returned';
  }

  #instance(name: string | undefined): SpecInstance {
    const instance = name === undefined ? this.#current : this.#named.get(name);
    if (instance === undefined) throw new Error('there is no such module');
    return instance;
  }

  #act(action: Action, expected: readonly Value[]): string {
    const item = this.#instance(action.module)[action.field];
    if (action.type === 'get') return `returned ${describe(expected[0]?.type ?? '', (item as WebAssembly.Global).value)}`;
    const result: unknown = (item as (...values: unknown[]) => unknown)(...(action.args ?? []).map(decode));
    const results = expected.length > 1 ? (result as unknown[]) : [result];
    return ['returned', ...expected.map((value, i) => describe(value.type, results[i]))].join(' ');
  }
}

function expectedOutcome(command: SpecCommand): string | undefined {
  switch (command.type) {
    case 'assert_return':
      return ['returned', ...(command.expected ?? []).map(describeExpected)].join(' ');
    case 'assert_trap':
    case 'assert_uninstantiable':
      return 'trapped';
    case 'assert_malformed':
    case 'assert_invalid':
    case 'assert_unlinkable':
      return command.module_type === 'text' ? undefined : 'refused';
    case 'module':
      return 'returned';
    default:
      return undefined;
  }
}

/** Runs a whole script. @param read returns the bytes of a module file of the script. */
export function runScript(commands: readonly SpecCommand[], host: SpecHost, read: (filename: string) => Uint8Array): SpecOutcome[] {
  const run = new ScriptRun(host, read);
  return commands.map((command) => ({
    line: command.line,
    type: command.type,
    outcome: run.run(command),
    expected: expectedOutcome(command),
  }));
}
