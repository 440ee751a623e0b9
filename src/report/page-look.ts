// What a page (html-page.ts) looks like, and the one thing that it does: a click on the head of a column sorts its table.

/** The style sheet. Pictures are drawn for light ground; on dark ground their lightness is turned round and their hues stay. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ground: #ffffff; --raised: #f6f6f3; --ink: #1d1d1b; --quiet: #5f5f5a; --rule: #d9d9d4; --accent: #2346b0; --alarm: #9a2d48; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #151513; --raised: #1f1f1c; --ink: #ecebe6; --quiet: #a3a29b; --rule: #3a3a36; --accent: #93abf5; --alarm: #f08ba3; }
  figure svg { filter: invert(0.92) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { margin: 0 0 0.75rem; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 0.25rem; padding-top: 1.25rem; border-top: 1px solid var(--rule); font-size: 1.2rem; overflow-wrap: anywhere; }
p { margin: 0.25rem 0; max-width: 60rem; overflow-wrap: anywhere; }
code, pre { font: 0.875rem/1.5 ui-monospace, monospace; }
pre { margin: 0 0 0.75rem; padding: 0.6rem 0.9rem; background: var(--raised); border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; }
pre.characters { white-space: pre; overflow-x: auto; line-height: 1.25; }
dl { columns: 18rem 3; column-gap: 2rem; margin: 0 0 1rem; font-size: 0.9rem; }
dl div { display: grid; grid-template-columns: 8.5rem 1fr; break-inside: avoid; }
dt, footer { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
.partial { color: var(--alarm); font-weight: 600; }
.scroll { overflow-x: auto; margin: 0.5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
h3 { margin: 1.5rem 0 0; max-width: 60rem; font-size: 0.95rem; }
th, td { padding: 0.22rem 0.9rem 0.22rem 0; text-align: right; white-space: pre; }
th { color: var(--quiet); font-weight: 600; border-bottom: 1px solid var(--rule); vertical-align: bottom; }
th button { all: unset; cursor: pointer; }
th button:hover, th button:focus-visible { color: var(--accent); text-decoration: underline; }
th[aria-sort="ascending"] button::after { content: " \\2191"; }
th[aria-sort="descending"] button::after { content: " \\2193"; }
tbody tr:hover { background: var(--raised); }
.word { text-align: left; }
.bar { text-align: left; color: var(--accent); font-family: ui-monospace, monospace; line-height: 1; }
figure { margin: 1.25rem 0; }
figure svg { display: block; width: 100%; max-width: 860px; height: auto; border-radius: 6px; }
footer { margin-top: 3rem; font-size: 0.85rem; }
@media print { main { max-width: none; padding: 0; } .scroll { overflow: visible; } }
`;

/**
 * The script. A cell counts as the number at its beginning, times its unit; cells without a number come last, in the order of their letters.
 * Units are those of `quantities.ts`.
 */
export const PAGE_SCRIPT = `
const units = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, PiB: 2 ** 50, ms: 1e-3, 'µs': 1e-6 };
const valueOf = (text) => {
  const [, number, unit] = /^\\s*(-?[\\d,]+(?:\\.\\d+)?)\\s*([A-Za-zµ]*)/.exec(text) ?? [];
  return number === undefined ? Infinity : Number(number.replaceAll(',', '')) * (units[unit] ?? 1);
};
document.addEventListener('click', ({ target }) => {
  const head = target.closest('th');
  const body = head?.closest('table').tBodies[0];
  if (!body || !target.closest('button')) return;
  const order = head.getAttribute('aria-sort') === 'ascending' ? -1 : 1;
  for (const other of head.parentNode.children) other.removeAttribute('aria-sort');
  head.setAttribute('aria-sort', order === 1 ? 'ascending' : 'descending');
  const textOf = (row) => row.cells[head.cellIndex].textContent;
  const compare = (a, b) => {
    const [left, right] = [valueOf(textOf(a)), valueOf(textOf(b))];
    return left === right ? textOf(a).localeCompare(textOf(b)) : left < right ? -1 : 1;
  };
  body.append(...[...body.rows].sort((a, b) => order * compare(a, b)));
});
`;
