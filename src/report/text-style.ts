// How text is dressed: lines wrapped at words, and colour for a terminal, or none: SGR escape sequences of ECMA-48, and of the 256-colour palette that xterm introduced.

/** A run of text with a meaning; the style decides how it looks. */
export type Tone = 'title' | 'plain' | 'quiet' | 'good' | 'bad';

/** Paints text. With `none` everything comes out as it went in. */
export interface TextStyle {
  readonly paint: (tone: Tone, text: string) => string;
  /** Paints with intensity `level` in [0, 1], along a ramp from dark to bright. */
  readonly heat: (ramp: HeatRamp, level: number, text: string) => string;
}

/** warm: for events. cool: for what is there. Both differ in lightness as well, so that they can be read without the hue. */
export type HeatRamp = 'warm' | 'cool';

const toneCodes: Record<Tone, string> = { title: '1', plain: '', quiet: '2', good: '32', bad: '1;31' };

// Palette indices from dim to bright, all legible on black and on white.
const ramps: Record<HeatRamp, readonly number[]> = {
  warm: [95, 131, 167, 203, 208, 214],
  cool: [24, 25, 31, 32, 38, 44],
};

const plainStyle: TextStyle = { paint: (_tone, text) => text, heat: (_ramp, _level, text) => text };

const ansiStyle: TextStyle = {
  paint: (tone, text) => sgr(toneCodes[tone], text),
  heat: (ramp, level, text) => {
    const colours = ramps[ramp];
    const index = Math.min(colours.length - 1, Math.floor(level * colours.length));
    return sgr(`38;5;${colours[index]}`, text);
  },
};

/** Returns the style for a terminal with colour (`ansi`) or for plain text (`none`). */
export function textStyle(color: 'ansi' | 'none'): TextStyle {
  return color === 'ansi' ? ansiStyle : plainStyle;
}

function sgr(codes: string, text: string): string {
  return codes === '' || text === '' ? text : `\u001b[${codes}m${text}\u001b[0m`;
}

/** Cuts `text` at spaces into lines of at most `width` columns; a longer word keeps a line of its own. Empty text gives no line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ').filter((part) => part !== '')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
