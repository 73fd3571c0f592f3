"""How the pages of a report look, and the few lines of script that make them handier."""

STYLE = """
:root { --ink: #1b2430; --soft: #5a6675; --paper: #ffffff; --panel: #f4f6f8; --line: #dde2e8; --link: #0b5fae;
  --good: #176b3a; --good-back: #e3f4e9; --bad: #a3231f; --bad-back: #fdeaea; --odd: #7a4b00; --odd-back: #fff3d6;
  --odd-line: #e0a93b; --bar: #3d7ab5; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ef; --soft: #9aa7b5; --paper: #12171d; --panel: #1b222b;
  --line: #2f3a46; --link: #7ab8f5; --good: #7fd6a0; --good-back: #14301f; --bad: #ff9d97; --bad-back: #3a1a1a;
  --odd: #ffd58a; --odd-back: #352810; --odd-line: #b9892f; --bar: #6ba6dd; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 3.2rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
header, main, footer { max-width: 70rem; margin: 0 auto; padding: 0 1.25rem; overflow-wrap: anywhere; }
header { padding-top: 2rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .5rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: .4rem 0 .8rem; max-width: 52rem; }
a { color: var(--link); }
.eyebrow, .note, figcaption span, .why { color: var(--soft); }
.eyebrow { margin: 0; font-size: .85rem; letter-spacing: .02em; }
.note, .why { font-size: .875rem; }
.verdict { font-size: 1.05rem; }
nav { position: sticky; top: 0; z-index: 2; background: var(--paper); border-bottom: 1px solid var(--line); }
nav div { max-width: 70rem; margin: 0 auto; padding: .5rem 1.25rem; display: flex; gap: 1.1rem; overflow-x: auto;
  white-space: nowrap; font-size: .9rem; }
nav a { text-decoration: none; }
.warnings, .failures { border: 1px solid var(--odd-line); border-left-width: .4rem; border-radius: .4rem;
  background: var(--odd-back); color: var(--odd); padding: .7rem 1rem; margin: 1rem 0; }
.failures { border-color: var(--bad); background: var(--bad-back); color: var(--bad); }
.warnings strong, .failures strong { display: block; font-size: 1.05rem; }
.warnings summary strong { display: inline; }
.warnings ul, .failures ul { margin: .3rem 0 0; padding-left: 1.2rem; }
.fine { color: var(--good); font-weight: 600; }
.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .6rem; margin: 1rem 0;
  padding: 0; }
.key div { background: var(--panel); border-radius: .4rem; padding: .5rem .8rem; }
.key dt { font-size: .8rem; color: var(--soft); }
.key dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
figure { margin: 0; break-inside: avoid; }
figcaption { margin: 0 0 .4rem; line-height: 1.35; }
figcaption b { display: block; }
figcaption span { font-size: .875rem; }
.stages { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 28rem), 1fr)); gap: 1.6rem 1.4rem;
  align-items: end; margin-top: 1rem; }
.picture, .strip { background: #000; color: #d7dde4; border-radius: .4rem; padding: .4rem; }
.strip { margin-top: .5rem; display: grid; grid-template-columns: repeat(6, 1fr); gap: .3rem; }
.planes { display: flex; gap: .3rem; align-items: flex-end; }
.plane { position: relative; flex-basis: 0; min-width: 0; }
.plane img { display: block; width: 100%; height: auto; }
.plane svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.plane path { fill: none; stroke: #ffb13d; stroke-width: 1.2px; vector-effect: non-scaling-stroke; }
.plane span { position: absolute; top: 50%; font: 600 .7rem/1 system-ui, sans-serif; color: #fff;
  text-shadow: 0 0 3px #000, 0 0 2px #000; transform: translateY(-50%); }
.plane .left { left: .2rem; }
.plane .right { right: .2rem; }
.strip .plane span { top: .2rem; transform: none; font-size: .6rem; }
.bar { display: flex; align-items: center; gap: .5rem; justify-content: center; font-size: .8rem; margin-top: .4rem;
  font-variant-numeric: tabular-nums; }
.bar img { width: min(12rem, 40%); height: .6rem; border: 1px solid #68727d; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .925rem; }
th, td { text-align: left; vertical-align: top; padding: .38rem .8rem .38rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
thead th { color: var(--soft); font-size: .8rem; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tr { break-inside: avoid; }
.state { display: inline-block; white-space: nowrap; border-radius: 1rem; padding: .05rem .6rem; font-size: .8rem;
  font-weight: 600; background: var(--panel); color: var(--soft); }
.met { background: var(--good-back); color: var(--good); }
.not-met { background: var(--bad-back); color: var(--bad); }
.chart { display: block; width: 100%; max-width: 44rem; height: auto; margin: .6rem 0; }
.chart rect { fill: var(--bar); }
.chart line { stroke: var(--soft); stroke-width: 1; }
.chart text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.chart .spread { stroke: var(--bar); stroke-width: 3; }
.chart circle { fill: var(--bar); }
pre { background: var(--panel); border-radius: .4rem; padding: .8rem 1rem; margin: 0; max-height: 26rem; overflow: auto;
  font: .82rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; }
pre.prose { font-family: inherit; font-size: .925rem; }
.titled { display: flex; align-items: baseline; justify-content: space-between; gap: 1rem; }
button { font: inherit; font-size: .8rem; color: var(--link); background: none; border: 1px solid var(--line);
  border-radius: .3rem; padding: .15rem .7rem; cursor: pointer; }
code { font: .85em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
footer { margin-top: 3rem; padding-bottom: 2rem; color: var(--soft); font-size: .875rem; }
td:first-child b { font-weight: 600; }
@media (max-width: 40rem) { .measures thead, .checklist thead { display: none; }
  .measures tr, .checklist tr { display: grid; grid-template-columns: 1fr auto; padding: .4rem 0;
    border-bottom: 1px solid var(--line); }
  .measures td, .checklist td { border: 0; padding: .1rem 0; } .measures td:last-child { grid-column: 1 / -1; }
  .checklist tr { grid-template-columns: 6.5rem 1fr; } .checklist td { grid-column: 2; }
  .checklist td:first-child { grid-column: 1; grid-row: 1 / span 3; }
  .strip { grid-template-columns: repeat(3, 1fr); } h1 { font-size: 1.4rem; } }
@media print { @page { margin: 14mm; } html { font-size: 12px; } .picture, .strip { break-inside: avoid; }
  nav, button { display: none !important; }
  :root { --ink: #000; --soft: #444; --paper: #fff; --panel: #f4f4f4; --line: #ccc; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } pre { max-height: none; }
  h2, h3 { break-after: avoid; } .stages { grid-template-columns: 1fr 1fr; } header, main, footer { padding: 0; } }
"""

COPY = """
for (const button of document.querySelectorAll("button[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    getSelection().selectAllChildren(document.getElementById(button.dataset.copies));
    button.textContent = document.execCommand("copy") ? "Copied" : "Selected: press Ctrl+C";
  });
}
"""
"""Shows the buttons that copy a text; without a script there are none."""

INDEX_STYLE = """
header, main, footer { max-width: none; }
table { width: auto; overflow-wrap: normal; }
td, th { padding-right: 1.1rem; }
tbody th { white-space: nowrap; }
tbody th { font-weight: 600; position: sticky; left: 0; background: var(--paper); z-index: 1; }
thead th { cursor: pointer; vertical-align: bottom; white-space: normal; }
thead th[aria-sort]::after { content: " \\2191"; }
thead th[aria-sort="descending"]::after { content: " \\2193"; }
td.odd { color: var(--odd); background: var(--odd-back); font-weight: 600; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: .7rem; }
.card { display: block; background: var(--panel); border: 2px solid transparent; border-radius: .4rem; padding: .4rem;
  color: inherit; text-decoration: none; font-size: .8rem; content-visibility: auto;
  contain-intrinsic-size: auto 8rem auto 11rem; }
.card.odd { border-color: var(--odd-line); }
.card.failed { border-color: var(--bad); }
.card:focus-visible { outline: 3px solid var(--link); }
.card div { aspect-ratio: 1; background: #000; border-radius: .3rem; display: flex; margin-bottom: .3rem; }
.card img { margin: auto; width: 100%; height: 100%; object-fit: contain; }
.card i { display: block; color: var(--odd); font-style: normal; }
#flick { position: fixed; inset: 0; z-index: 5; background: var(--paper); display: flex; flex-direction: column; }
#flick[hidden] { display: none; }
#flick div { display: flex; gap: .8rem; align-items: center; flex-wrap: wrap; padding: .5rem 1rem;
  border-bottom: 1px solid var(--line); }
#flick strong { overflow-wrap: anywhere; }
#flick em { font-style: normal; color: var(--odd); }
#flick iframe { flex: 1; border: 0; width: 100%; background: var(--paper); }
@media print { .card { content-visibility: visible; } }
"""

FLICK = """
const table = document.querySelector("tbody"), cards = document.querySelector(".cards");
const flick = document.getElementById("flick"), frame = flick.querySelector("iframe");
const [back, forth, close] = flick.querySelectorAll("button"), at = flick.querySelector("span");
let current = -1;
const shown = () => [...cards.children].filter((card) => card.hasAttribute("href"));
function show(place) {
  const all = shown();
  if (!all.length) return;
  current = Math.min(Math.max(place, 0), all.length - 1);
  const card = all[current];
  flick.querySelector("strong").textContent = card.dataset.name;
  flick.querySelector("em").textContent = card.querySelector("i")?.textContent ?? "";
  at.textContent = `${current + 1} of ${all.length}`;
  frame.src = card.getAttribute("href");
  flick.hidden = false;
  forth.focus();
}
function hide() {
  const card = shown()[current];
  flick.hidden = true;
  current = -1;
  card?.focus();
}
cards.addEventListener("click", (event) => {
  const card = event.target.closest("a[href]");
  if (card && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    show(shown().indexOf(card));
  }
});
back.addEventListener("click", () => show(current - 1));
forth.addEventListener("click", () => show(current + 1));
close.addEventListener("click", hide);
frame.addEventListener("load", () => { if (!flick.hidden) forth.focus(); });
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Escape" && current >= 0) hide();
  else if (event.key === "ArrowRight") show(current + 1);
  else if (event.key === "ArrowLeft" && current >= 0) show(current - 1);
});
const value = (row, column) => row.children[column].dataset.value ?? row.children[column].textContent;
for (const [column, head] of [...document.querySelectorAll("thead th")].entries()) {
  head.tabIndex = 0;
  const sort = () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const numeric = head.classList.contains("number");
    const rows = [...table.children].sort((a, b) => {
      const [one, two] = [value(a, column), value(b, column)];
      if (numeric && (one === "") !== (two === "")) return one === "" ? 1 : -1;
      const order = numeric ? one - two : one.localeCompare(two, undefined, { numeric: true });
      return down ? -order : order;
    });
    table.append(...rows);
    const byName = new Map([...cards.children].map((card) => [card.dataset.place, card]));
    cards.append(...rows.map((row) => byName.get(row.dataset.place)));
  };
  head.addEventListener("click", sort);
  head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
}
"""
"""Shows the reports one after another, by arrow keys, and sorts by a click; without it pictures are links."""
