import { describe, expect, it } from 'vitest';
import { htmlPage, type PageFacts } from './html-page.ts';
import { PAGE_SCRIPT } from './page-look.ts';
import { pagePicture, partsText, type ReportPart } from './report-part.ts';

const wild = '<script>alert("&")</script>\u0007';
const facts: PageFacts = { title: wild, command: wild, program: 'quire 1', settings: [[wild, wild]] };
const table = { head: ['n', wild, ''], rows: [['1', wild, '██··']], keys: 1, keysAre: 'numbers' } as const;
const everything: ReportPart[] = [
  { kind: 'head', name: wild, lines: [wild, 'PARTIAL: half'] },
  { kind: 'lines', lines: [wild] },
  { kind: 'table', caption: [wild], table, below: [wild] },
  { kind: 'characters', lines: [wild] },
  pagePicture(() => '<svg><rect/></svg>'),
];

describe('a page', () => {
  it('escapes all words, wherever they stand', () => {
    const page = htmlPage(facts, everything);
    expect(page.split('<script>').length).toBe(2);
    expect(page).not.toContain('\u0007');
    // Title twice, command, setting twice, head twice, lines, caption, column, cell, below, characters.
    expect(page.split('&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt;\ufffd').length - 1).toBe(13);
  });

  it('asks nothing of any network', () => {
    const page = htmlPage(facts, everything);
    expect(page).toContain(`content="default-src 'none';`);
    expect(page).not.toMatch(/https?:|@import|url\(|<link|<img| src=/);
  });

  it('closes every element that it opens', () => {
    const page = htmlPage(facts, everything);
    for (const element of [
      'html',
      'head',
      'body',
      'main',
      'header',
      'dl',
      'table',
      'thead',
      'tbody',
      'tr',
      'td',
      'th',
      'p',
      'h2',
      'h3',
      'figure',
      'pre',
    ]) {
      expect([element, page.split(new RegExp(`<${element}[ >]`)).length]).toEqual([element, page.split(`</${element}>`).length]);
    }
  });

  it('labels what is of a part, and draws bars as bars', () => {
    const page = htmlPage(facts, everything);
    expect(page).toContain('<p class="partial">PARTIAL: half</p>');
    expect(page).toContain('<td class="bar">██··</td>');
  });

  it('has a script that is one', () => {
    expect(() => new Function(PAGE_SCRIPT)).not.toThrow();
  });
});

describe('the same parts as text', () => {
  it('stand apart by an empty line, but for those that belong together; what only a page shows is not there', () => {
    const parts: ReportPart[] = [
      { kind: 'head', name: 'a', lines: ['first', 'second'] },
      {
        kind: 'table',
        placed: 'directly below',
        caption: ['caption'],
        table: { head: ['n'], rows: [['7']], keys: 0, keysAre: 'numbers' },
        below: ['below'],
      },
      pagePicture(() => 'svg'),
      { kind: 'lines', lines: [] },
      { kind: 'lines', lines: ['end'] },
    ];
    expect(partsText(parts, 80).split('\n')).toEqual(['a: first', '  second', 'caption', '  n', '  7', 'below', '', 'end', '']);
  });
});
