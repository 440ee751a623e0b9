// How a text format is recognised: by its first lines.

/** Lines of text at the start of a file that decide. */
const DECIDING_LINES = 20;

/** Returns a test whether all of a file's first lines match that are complete and not skipped. */
export function detectsLines(pattern: RegExp, skipped?: RegExp): (head: Uint8Array) => boolean {
  return (head) => {
    const text = Array.from(head, (byte) => String.fromCharCode(byte)).join('');
    const lines = text.split('\n').map((line) => line.trimEnd());
    if (lines.length > 1) lines.pop();
    const telling = lines.filter((line) => line !== '' && skipped?.test(line) !== true).slice(0, DECIDING_LINES);
    return telling.length > 0 && telling.every((line) => pattern.test(line));
  };
}
