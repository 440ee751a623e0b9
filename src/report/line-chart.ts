// A line chart as one SVG file that needs nothing else: axes with ticks, a grid, curves with markers, and their names at their ends.
//
//   +--------------- title ----------------+
//   | y  |                       o--- name |      plot area: PLOT; names stand to its right, pushed apart where they would overlap
//   |    |___________x_____________________|
//
// A curve is told from another by colour, dash and marker, never by colour alone. An axis is logarithmic if it says so; then values of 0
// and less cannot be shown and are left out. Numbers are written the same on every host.

/** One axis. */
export interface ChartAxis {
  readonly label: string;
  readonly scale: 'linear' | 'log';
}

/** One curve. */
export interface ChartCurve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Index of its colour and marker; curves that belong together share one. */
  readonly tone: number;
  /** Dashed for what is quoted, solid for what was measured. */
  readonly line: 'solid' | 'dashed';
  /** Whether each point has its marker, as measured ones should, or only the name has. Default `shown`. */
  readonly markers?: 'shown' | 'hidden';
}

/** A chart. */
export interface LineChart {
  readonly title: string;
  readonly x: ChartAxis;
  readonly y: ChartAxis;
  readonly curves: readonly ChartCurve[];
}

const WIDTH = 860;
const HEIGHT = 480;
const PLOT = { left: 80, right: 620, top: 50, bottom: 420 } as const;
/** Distance of two names, at least, where there is room for it. */
const NAME_GAP = 16;
/** Ticks that a linear axis is cut into, about. */
const TICKS = 6;
/** Curves on light ground: at least 3:1 in contrast, and apart from each other also for colour-blind eyes. */
const colours = ['#9a2d48', '#2346b0', '#ac853e', '#388dc9', '#530000', '#190060'] as const;
const GROUND = '#f6f6f3';
const INK = '#222222';
const GRID = '#d9d9d4';

/** Takes a value to its place on the screen. */
type Placing = (value: number) => number;

/** Returns the chart as an SVG document. Throws nothing: a chart without points has axes from 0 to 1. */
export function lineChartSvg(chart: LineChart): string {
  const shown = chart.curves.map((curve) => ({ ...curve, points: curve.points.filter(([x, y]) => fits(chart.x, x) && fits(chart.y, y)) }));
  const points = shown.flatMap((curve) => curve.points);
  const xTicks = ticksOf(
    chart.x.scale,
    points.map(([x]) => x),
  );
  const yTicks = ticksOf(
    chart.y.scale,
    points.map(([, y]) => y),
  );
  const x = placing(chart.x.scale, xTicks, PLOT.left, PLOT.right);
  const y = placing(chart.y.scale, yTicks, PLOT.bottom, PLOT.top);
  const parts = [
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="${GROUND}"/>`,
    text(PLOT.left, 28, chart.title, 'font-size="16" font-weight="bold"'),
    ...xTicks.map((value) => xTick(x(value), formatTick(value))),
    ...yTicks.map((value) => yTick(y(value), formatTick(value))),
    text((PLOT.left + PLOT.right) / 2, HEIGHT - 20, chart.x.label, 'text-anchor="middle"'),
    text(
      20,
      (PLOT.top + PLOT.bottom) / 2,
      chart.y.label,
      `text-anchor="middle" transform="rotate(-90 20 ${(PLOT.top + PLOT.bottom) / 2})"`,
    ),
    ...shown.flatMap((curve) => curveParts(curve, x, y)),
    ...namesOf(shown, y),
  ];
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}"`;
  return `${head} font-family="sans-serif" font-size="12" fill="${INK}" role="img">\n${parts.join('\n')}\n</svg>\n`;
}

function fits({ scale }: ChartAxis, value: number): boolean {
  return Number.isFinite(value) && (scale === 'linear' || value > 0);
}

/** Round values that enclose all values. */
function ticksOf(scale: ChartAxis['scale'], values: readonly number[]): number[] {
  const [low, high] = values.length === 0 ? [scale === 'log' ? 0.1 : 0, 1] : [Math.min(...values), Math.max(...values)];
  return scale === 'log' ? logTicks(low, high) : linearTicks(Math.min(0, low), high);
}

/** Powers of ten; where they are few, twice and five times of them as well. */
function logTicks(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const steps = last - first <= 2 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = first; power <= last; power++) for (const step of steps) ticks.push(step * 10 ** power);
  const from = ticks.findLastIndex((tick) => tick <= low * (1 + 1e-9));
  const to = ticks.findIndex((tick) => tick >= high * (1 - 1e-9));
  const chosen = ticks.slice(Math.max(0, from), to + 1);
  // One value alone has no extent.
  return chosen.length > 1 ? chosen : [...chosen, (chosen[0] ?? 1) * 10];
}

/** Multiples of 1, 2 or 5 times a power of ten. */
function linearTicks(low: number, high: number): number[] {
  const extent = high - low || 1;
  const power = 10 ** Math.floor(Math.log10(extent / TICKS));
  const step = power * ([1, 2, 5, 10].find((factor) => extent / (factor * power) <= TICKS) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function placing(scale: ChartAxis['scale'], ticks: readonly number[], from: number, to: number): Placing {
  const at = scale === 'log' ? Math.log10 : (value: number) => value;
  const low = at(ticks[0] as number);
  const high = at(ticks.at(-1) as number);
  return (value) => from + ((at(value) - low) / (high - low)) * (to - from);
}

function xTick(at: number, label: string): string {
  return `${line(at, PLOT.top, at, PLOT.bottom)}${text(at, PLOT.bottom + 18, label, 'text-anchor="middle"')}`;
}

function yTick(at: number, label: string): string {
  return `${line(PLOT.left, at, PLOT.right, at)}${text(PLOT.left - 8, at + 4, label, 'text-anchor="end"')}`;
}

function curveParts(curve: ChartCurve, x: Placing, y: Placing): string[] {
  const colour = colourOf(curve);
  const places = curve.points.map(([px, py]) => [x(px), y(py)] as const);
  const path = places.map(([px, py]) => `${short(px)},${short(py)}`).join(' ');
  const dash = curve.line === 'dashed' ? ' stroke-dasharray="6 4"' : '';
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>`,
    ...(curve.markers === 'hidden' ? [] : places.map(([px, py]) => marker(curve, px, py))),
  ];
}

function colourOf({ tone }: ChartCurve): string {
  return colours[tone % colours.length] as string;
}

/** A disc, a square or a diamond; hollow for a dashed curve. */
function marker(curve: ChartCurve, x: number, y: number): string {
  const colour = colourOf(curve);
  const look = `fill="${curve.line === 'dashed' ? GROUND : colour}" stroke="${colour}"`;
  if (curve.tone % 3 === 0) return `<circle cx="${short(x)}" cy="${short(y)}" r="3" ${look}/>`;
  const turn = curve.tone % 3 === 1 ? '' : ` transform="rotate(45 ${short(x)} ${short(y)})"`;
  return `<rect x="${short(x - 3)}" y="${short(y - 3)}" width="6" height="6" ${look}${turn}/>`;
}

/** Names at the curves' ends, from the top down, each at least a line below the one before, and back up where they would leave the plot. */
function namesOf(curves: readonly ChartCurve[], y: Placing): string[] {
  const ends = curves
    .filter(({ points }) => points.length > 0)
    .map((curve) => ({ curve, at: y((curve.points.at(-1) as readonly [number, number])[1]) }))
    .sort((a, b) => a.at - b.at);
  const gap = Math.min(NAME_GAP, (PLOT.bottom - PLOT.top) / ends.length);
  for (let i = 1; i < ends.length; i++) {
    const [above, below] = [ends[i - 1], ends[i]] as [(typeof ends)[number], (typeof ends)[number]];
    below.at = Math.max(below.at, above.at + gap);
  }
  let limit: number = PLOT.bottom;
  for (const end of ends.reverse()) {
    end.at = Math.min(end.at, limit);
    limit = end.at - gap;
  }
  return ends.map(({ curve, at }) => {
    const name = `${curve.name}${curve.line === 'dashed' ? ' - -' : ''}`;
    return `${marker(curve, PLOT.right + 14, at)}${text(PLOT.right + 24, at + 4, name, `fill="${colourOf(curve)}"`)}`;
  });
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${short(x1)}" y1="${short(y1)}" x2="${short(x2)}" y2="${short(y2)}" stroke="${GRID}"/>`;
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${short(x)}" y="${short(y)}" ${attributes}>${escaped}</text>`;
}

/** A coordinate to a tenth of a pixel. */
function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Without the noise of binary fractions: 0.30000000000000004 is 0.3. */
function formatTick(value: number): string {
  return String(Number(value.toPrecision(6))).replace(/\B(?=(\d{3})+$)/g, value >= 1000 ? ',' : '');
}
