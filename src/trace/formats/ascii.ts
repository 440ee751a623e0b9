// Characters of trace files by their codes, and what every text format does with them.

/** Character codes. */
export const Ascii = { tab: 9, newline: 10, return: 13, space: 32, hash: 35, star: 42, comma: 44, colon: 58, zero: 48, x: 120 } as const;

/** Returns the value of a hexadecimal digit's character code, or -1. */
export function hexDigit(code: number): number {
  const decimal = code - 48;
  if (decimal >= 0 && decimal <= 9) return decimal;
  const letter = (code | 0x20) - 97;
  return letter >= 0 && letter <= 5 ? letter + 10 : -1;
}

/** Returns the first place from `at` on that is no space, tab or carriage return. A newline ends every line, so there is one. */
export function skipBlanks(bytes: Uint8Array, at: number): number {
  let i = at;
  while (bytes[i] === Ascii.space || bytes[i] === Ascii.tab || bytes[i] === Ascii.return) i++;
  return i;
}

/** Reads numbers out of lines, one after another. Numbers from 2^53 on come out as some number that large. */
export class NumberReader {
  /** Where the next character is. */
  position = 0;

  /** Reads decimal digits at the position. Returns their number, or -1 when there are none. */
  decimal(bytes: Uint8Array): number {
    let i = this.position;
    let value = (bytes[i] as number) - 48;
    if (!(value >= 0 && value <= 9)) return -1;
    for (let digit = (bytes[++i] as number) - 48; digit >= 0 && digit <= 9; digit = (bytes[++i] as number) - 48) value = value * 10 + digit;
    this.position = i;
    return value;
  }

  /** Reads hexadecimal digits, with or without 0x in front. Returns their number, or -1 when there are none. */
  hexadecimal(bytes: Uint8Array): number {
    let i = this.position;
    if (bytes[i] === Ascii.zero && ((bytes[i + 1] as number) | 0x20) === Ascii.x) i += 2;
    let value = hexDigit(bytes[i] as number);
    if (value < 0) return -1;
    for (let digit = hexDigit(bytes[++i] as number); digit >= 0; digit = hexDigit(bytes[++i] as number)) value = value * 16 + digit;
    this.position = i;
    return value;
  }

  /** Skips spaces, tabs and carriage returns. */
  blanks(bytes: Uint8Array): void {
    this.position = skipBlanks(bytes, this.position);
  }

  /** Passes `code` if it is next. Returns whether it was. */
  passes(bytes: Uint8Array, code: number): boolean {
    if (bytes[this.position] !== code) return false;
    this.position++;
    return true;
  }

  /** Goes to the start of the next line. */
  nextLine(bytes: Uint8Array): void {
    this.position = bytes.indexOf(Ascii.newline, this.position) + 1;
  }
}
