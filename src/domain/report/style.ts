import { Html } from './markup.ts';

/** For screens of any width, light and dark, and for paper. Colours never tell anything alone: marks and patterns do too. */
export const style = new Html(`
:root { --ink: #1a1f26; --dim: #57606a; --paper: #fff; --line: #d5dae0; --soft: #f5f7f9; --good: #15703a; --bad: #b42318;
  --stopped: #8a5a00; --step: #2f6fde; --wait: #8c959f; --recover: #c77700; --restore: #7a4fd0; --grid: #e8ebef; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaef; --dim: #9aa5b1; --paper: #14181d; --line: #353c45;
  --soft: #1c2229; --good: #5fcf8b; --bad: #ff8a80; --stopped: #f0b95a; --step: #6aa3ff; --wait: #8c959f; --recover: #f0a840;
  --restore: #b393ff; --grid: #262d35; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 15px/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere; }
main, footer { max-width: 75rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; }
h2 { font-size: 1.15rem; margin: 0 0 .5rem; }
h2 small { font-weight: normal; color: var(--dim); }
h3 { font-size: 1rem; margin: .75rem 0 .25rem; }
p, ul, dl { margin: .35rem 0; }
ul { padding-left: 1.25rem; }
a { color: var(--step); }
.target { color: var(--dim); font-weight: 600; margin: 0; }
.good, .proved, .mark.done { color: var(--good); }
.bad, .unproved, .mark.failed, .mark.timed-out, .mark.cut-off { color: var(--bad); }
.stopped, .mark.cancelled { color: var(--stopped); }
.running, .mark.running { color: var(--step); }
.proved, .unproved { font-weight: 600; }
main > section, figure { margin: 0 0 1rem; padding: .9rem 1rem; border: 1px solid var(--line); border-radius: 8px; }
.failure, .diagnosis { border-left: 4px solid var(--bad); }
.warnings, .notice { border-left: 4px solid var(--stopped); }
.notice { padding-left: .6rem; }
pre { margin: .4rem 0; padding: .5rem .7rem; background: var(--soft); border-radius: 6px; font-size: .85rem;
  white-space: pre-wrap; }
code { font-size: .85em; }
.said { white-space: pre-line; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); gap: .3rem 1.5rem; }
dt { color: var(--dim); font-size: .8rem; }
dd { margin: 0; font-size: .9rem; }
table { width: 100%; border-collapse: collapse; margin: .75rem 0; font-size: .9rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .2rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem .25rem 0; border-top: 1px solid var(--line); }
thead th { color: var(--dim); font-size: .8rem; font-weight: normal; border-top: 0; padding-top: 0; }
tbody th { font-weight: 500; width: 12rem; }
td { font-variant-numeric: tabular-nums; }
td p { margin: 0; }
td + td { min-width: 3.5rem; }
td:last-child { width: 45%; }
.part th { font-weight: normal; padding-left: 1.2rem; color: var(--dim); }
.times { color: var(--stopped); font-weight: 600; }
.timeline ul { list-style: none; margin: 0; padding: 0; }
.timeline h3 { border-top: 1px solid var(--line); padding-top: .4rem; }
.timeline .legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .85rem; margin-bottom: .6rem; }
.legend .bar { position: relative; display: inline-block; width: 1.6rem; height: .75rem; vertical-align: -.08rem; top: 0; }
.legend .earlier { width: 50%; }
.legend .moment { position: static; display: inline-block; height: .9rem; vertical-align: -.15rem; }
.row { display: grid; grid-template-columns: 12rem 4.2rem minmax(0, 1fr); align-items: center; min-height: 1.5rem;
  font-size: .875rem; }
.row:hover { background: var(--soft); }
.took { color: var(--dim); text-align: right; padding-right: .8rem; font-variant-numeric: tabular-nums; }
.track { position: relative; height: 1.5rem; overflow: hidden; grid-column: 3;
  background: repeating-linear-gradient(to right, var(--grid) 0 1px, transparent 1px var(--tick)); }
.axis .track { background: none; color: var(--dim); font-size: .75rem; height: 1.1rem; }
.tick { position: absolute; white-space: nowrap; border-left: 1px solid var(--dim); padding-left: .2rem; line-height: 1.1rem; }
.bar { position: absolute; top: .35rem; height: .8rem; min-width: 3px; border-radius: 2px; background: var(--fill);
  overflow: hidden; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.step { --fill: var(--step); }
.around { --fill: var(--wait); }
.recover { --fill: var(--recover); }
.restore { --fill: var(--restore); }
.wait .bar { background: transparent; border: 1.5px dashed var(--wait); }
.restore .bar { background: repeating-linear-gradient(135deg, var(--fill) 0 4px, color-mix(in srgb, var(--fill) 55%, var(--paper)) 4px 7px); }
.recover .bar { border-bottom: 3px solid var(--ink); }
.bar.failed, .bar.timed-out { --fill: var(--bad); }
.bar.cancelled { border-right: 3px solid var(--stopped); }
.bar.cut-off { border-right: 3px dotted var(--bad); }
.bar.running { border-right: 3px solid var(--ink); }
.earlier, .queued { display: block; height: 100%; border-right: 2px solid var(--ink); }
.earlier { background: repeating-linear-gradient(90deg, var(--paper) 0 2px, transparent 2px 5px); }
.queued { background: color-mix(in srgb, var(--paper) 70%, transparent); }
.moment { position: absolute; top: 0; bottom: 0; height: 100%; width: 2px; background: var(--stopped); z-index: 1; }
footer { color: var(--dim); font-size: .85rem; }
@media (max-width: 45rem) {
  .row { grid-template-columns: minmax(0, 1fr) auto; padding: .15rem 0; }
  .track { grid-column: 1 / -1; height: 1.1rem; }
  .bar { top: .15rem; }
  .took { padding-right: 0; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tbody tr { display: grid; grid-template-columns: minmax(0, 1fr) auto auto; border-top: 1px solid var(--line); }
  tbody th, tbody td { border: 0; width: auto; min-width: 0; }
  tbody td:last-child { grid-column: 1 / -1; width: auto; padding-left: 1.2rem; color: var(--dim); }
}
@media print {
  :root { --ink: #000; --dim: #444; --paper: #fff; --line: #bbb; --soft: #f4f4f4; --good: #15703a; --bad: #b42318;
    --stopped: #8a5a00; --step: #2f6fde; --recover: #c77700; --restore: #7a4fd0; --grid: #e0e0e0; }
  body { font-size: 11px; }
  main, footer { max-width: none; padding: 0; }
  tr, .row, pre, dl > div { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
}
`);
