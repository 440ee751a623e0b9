import { describe, expect, it } from 'vitest';
import { type LineChart, lineChartSvg } from './line-chart.ts';

const chart: LineChart = {
  title: 'a < b & c',
  x: { label: 'files', scale: 'linear' },
  y: { label: 'seconds', scale: 'linear' },
  curves: [
    {
      name: 'one',
      points: [
        [0, 0],
        [10, 5],
      ],
      tone: 0,
      line: 'solid',
    },
    { name: 'two', points: [[10, 5]], tone: 1, line: 'dashed' },
  ],
};

const attributes = (svg: string, element: string, name: string) =>
  [...svg.matchAll(new RegExp(`<${element} [^>]*?\\b${name}="([^"]*)"`, 'g'))].map(([, value]) => value as string);
const texts = (svg: string) =>
  [...svg.matchAll(/<text [^>]*y="([\d.]+)"[^>]*>([^<]*)</g)].map(([, y, content]) => ({ y: Number(y), content }));

describe('a line chart', () => {
  it('is one well-formed element, whatever its words are', () => {
    const svg = lineChartSvg(chart);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^>]*>[\s\S]*<\/svg>\n$/);
    expect(svg).toContain('a &lt; b &amp; c');
    for (const element of ['text', 'svg']) {
      expect(svg.split(`<${element} `).length).toBe(svg.split(`</${element}>`).length);
    }
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('puts the ends of a linear axis on the ends of the plot', () => {
    // 0 to 10 and 0 to 5 are round already.
    expect(attributes(lineChartSvg(chart), 'polyline', 'points')[0]).toBe('80,420 620,50');
  });

  it('puts equal factors at equal distances on a logarithmic axis, and leaves out what it cannot show', () => {
    const points = [0, 1, 10, 100].map((x) => [x, 1] as const);
    const svg = lineChartSvg({ ...chart, x: { label: 'x', scale: 'log' }, curves: [{ name: 'c', points, tone: 0, line: 'solid' }] });
    const places = (attributes(svg, 'polyline', 'points')[0] as string).split(' ').map((place) => Number(place.split(',')[0]));
    expect(places).toEqual([80, 350, 620]);
  });

  it('dashes what is quoted', () => {
    expect(attributes(lineChartSvg(chart), 'polyline', 'stroke-dasharray')).toEqual(['6 4']);
  });

  it('keeps the names of curves that end at the same place apart, and inside the plot', () => {
    const curves = Array.from({ length: 8 }, (_, i) => ({ ...chart.curves[0], name: `curve ${i}`, points: [[1, 0]] }) as never);
    const names = texts(lineChartSvg({ ...chart, curves })).filter(({ content }) => content?.startsWith('curve'));
    const heights = names.map(({ y }) => y).sort((a, b) => a - b);
    expect(names).toHaveLength(8);
    for (let i = 1; i < heights.length; i++) expect((heights[i] as number) - (heights[i - 1] as number)).toBeGreaterThanOrEqual(15.9);
    expect(heights.at(-1)).toBeLessThanOrEqual(424);
  });

  it('writes ticks without the noise of binary fractions', () => {
    const svg = lineChartSvg({ ...chart, curves: [{ ...chart.curves[0], points: [[0.1, 0.7]] } as never] });
    const ticks = texts(svg).filter(({ content }) => /^[\d.,]+$/.test(content ?? ''));
    expect(ticks.length).toBeGreaterThan(6);
    for (const { content } of ticks) expect(content?.length).toBeLessThan(5);
  });

  it('draws axes where there are no curves', () => {
    expect(lineChartSvg({ ...chart, curves: [] })).toContain('</svg>');
    expect(lineChartSvg({ ...chart, y: { label: 'y', scale: 'log' }, curves: [] })).not.toMatch(/NaN|Infinity/);
  });
});
