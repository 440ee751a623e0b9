// The figure of a comparison: published curves dashed, ours solid. Curves of one system share a colour.

import type { ComparisonRow, ComparisonTable, Sides } from '../lab/index.ts';
import { type ChartAxis, type ChartCurve, type LineChart, lineChartSvg } from './line-chart.ts';

/** An axis whose values differ more than this is logarithmic. */
const LOG_FROM = 60;

/** Which number of a row a curve shows, and how it is called. */
interface Quantity {
  readonly name: string;
  readonly of: (sides: Sides) => number | null;
}

const systems: readonly Quantity[] = [
  { name: 'BSD VM', of: ({ bsd }) => bsd },
  { name: 'UVM', of: ({ uvm }) => uvm },
];
const shares: readonly Quantity[] = [{ name: '', of: ({ ratio }) => ratio }];

/** Returns the figure as an SVG document, or undefined for a table that is none. */
export function comparisonSvg(table: ComparisonTable): string | undefined {
  if (table.figure === undefined) return undefined;
  const curves = curvesOf(table);
  const points = curves.flatMap((curve) => curve.points);
  const chart: LineChart = {
    title: table.title,
    x: axis(
      table.figure.x,
      points.map(([x]) => x),
    ),
    y: axis(
      table.figure.y,
      points.map(([, y]) => y),
    ),
    curves,
  };
  return lineChartSvg(chart);
}

function curvesOf({ rows }: ComparisonTable): ChartCurve[] {
  const isShare = rows.every(({ quire, paper }) => quire.bsd === null && paper.uvm === null);
  const names = [...new Set(rows.map(({ curve }) => curve))];
  const quantities = isShare ? shares : systems;
  return names.flatMap((name, i) => {
    const own = rows.filter(({ curve }) => curve === name);
    return quantities.flatMap((quantity, j) => {
      const label = [quantity.name, name].filter(Boolean).join(', ');
      const tone = i * quantities.length + j;
      return [
        { name: `${label} (paper)`, points: pointsOf(own, ({ paper }) => quantity.of(paper)), tone, line: 'dashed' as const },
        { name: label, points: pointsOf(own, ({ quire }) => quantity.of(quire)), tone, line: 'solid' as const },
      ].filter(({ points }) => points.length > 0);
    });
  });
}

function pointsOf(rows: readonly ComparisonRow[], value: (row: ComparisonRow) => number | null): [number, number][] {
  return rows.flatMap((row) => {
    const y = value(row);
    return row.x === undefined || y === null ? [] : [[row.x, y] as [number, number]];
  });
}

function axis(label: string, values: readonly number[]): ChartAxis {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const scale = low > 0 && high / low > LOG_FROM ? 'log' : 'linear';
  return { label: scale === 'log' ? `${label} (log scale)` : label, scale };
}
