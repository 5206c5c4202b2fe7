"""The style sheet of the HTML reports: light and dark, for screens and for paper; nothing from outside."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """\
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #5c6670; --paper: #fff; --soft: #f4f6f8; --rule: #d9dee4;
  --good: #1a7f37; --good-soft: #dff3e4; --bad: #c62828; --bad-soft: #fde4e3; --warn: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --faint: #9aa4af; --paper: #14171b; --soft: #1d2228;
  --rule: #343b44; --good: #56c982; --good-soft: #16301f; --bad: #ff7b72; --bad-soft: #3a1a1a; --warn: #d9a441; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, "Segoe UI", sans-serif; color: var(--ink); background: var(--paper); max-width: 68rem;
  margin: 2rem auto 4rem; padding: 0 1.25rem; }
h1 { font-size: 1.45rem; margin: 0; display: flex; gap: .75rem; align-items: center; flex-wrap: wrap; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; } h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
.about, .note, figcaption { color: var(--faint); } .note { font-size: .88em; margin: .35rem 0; }
code, pre, td.n { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .88em; }
pre { background: var(--soft); border: 1px solid var(--rule); border-radius: 6px; padding: .6rem .8rem;
  overflow-x: auto; }
.badge { border-radius: 999px; padding: .1rem .7rem; font-weight: 600; font-size: .85rem; letter-spacing: .02em; }
.badge.PASSED { color: var(--good); background: var(--good-soft); }
.badge.FAILED, .badge.NOT_EXECUTED { color: var(--bad); background: var(--bad-soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .6rem; margin: 1rem 0; }
.tile { background: var(--soft); border: 1px solid var(--rule); border-radius: 8px; padding: .55rem .8rem; }
.tile b { display: block; font-size: 1.2rem; font-weight: 600; } .tile span { color: var(--faint); font-size: .85em; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { color: var(--faint); font-weight: 500; font-size: .85em; } td.n, th.n { text-align: right; white-space: nowrap; }
.error, .fatal { color: var(--bad); font-weight: 600; } .warning { color: var(--warn); font-weight: 600; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .45em; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: .4rem 0; font-size: .88em; }
figure { margin: .8rem 0 1.2rem; } figcaption { font-size: .9em; margin-bottom: .15rem; }
svg { width: 100%; height: auto; display: block; } svg text { font: 11px system-ui, sans-serif; fill: var(--faint); }
.grid { stroke: var(--rule); stroke-width: 1; } .limit { stroke: var(--bad); stroke-width: 1.2; }
.line { stroke-width: 1.6; stroke-linejoin: round; }
details { border: 1px solid var(--rule); border-radius: 8px; padding: .45rem .8rem; margin: .5rem 0; }
summary { cursor: pointer; } details[open] summary { margin-bottom: .4rem; }
@media print { body { max-width: none; margin: 0; } figure, tr { break-inside: avoid; } }
"""
