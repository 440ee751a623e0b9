// The words that a guest's thread writes before every call, so that whoever watches knows whether it goes on, and where it stopped.

/** Which word is what. `operation` counts the calls since the heap was made; `asked` is milliseconds that the thread will be silent. */
export const GuestWord = { calls: 0, call: 1, first: 2, second: 3, operation: 4, asked: 5, COUNT: 6 } as const;

/** Numbers of calls. */
export const GuestCall = { start: 0, malloc: 1, calloc: 2, realloc: 3, memalign: 4, free: 5, timing: 6 } as const;

/** Returns the last call as people write it. */
export function lastCall(words: Int32Array): string {
  const [first, second] = [(words[GuestWord.first] as number) >>> 0, (words[GuestWord.second] as number) >>> 0];
  const block = `block at 0x${first.toString(16)}`;
  switch (words[GuestWord.call]) {
    case GuestCall.malloc:
      return `malloc(${first})`;
    case GuestCall.calloc:
      return `calloc(${first}, ${second})`;
    case GuestCall.realloc:
      return `realloc(${first === 0 ? '0' : block}, ${second})`;
    case GuestCall.memalign:
      return `memalign(${first}, ${second})`;
    case GuestCall.free:
      return `free(${first === 0 ? '0' : block})`;
    case GuestCall.timing:
      return 'a replay against the clock';
    default:
      return 'its start';
  }
}
