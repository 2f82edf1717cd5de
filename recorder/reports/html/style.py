"""Style of the page, and the policy that lets nothing else into it."""

from __future__ import annotations

import base64
import hashlib

CSS = """
:root{color-scheme:light dark;--back:#fff;--text:#1b1f24;--quiet:#59636e;--edge:#d1d9e0;
--one:#0072b2;--two:#d55e00;--three:#c4ccd4;--good:#1a7f37;--bad:#cf222e;--card:#f6f8fa;
--warn:#9a6700}
@media(prefers-color-scheme:dark){:root{--back:#0d1117;--text:#e6edf3;--quiet:#9198a1;
--edge:#3d444d;--one:#56b4e9;--two:#e69f00;--three:#3d444d;--good:#3fb950;--bad:#ff7b72;
--card:#151b23;--warn:#d29922}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:70rem;background:var(--back);
color:var(--text);font:15px/1.45 system-ui,sans-serif;overflow-wrap:anywhere;
font-variant-numeric:tabular-nums}
h1{font-size:1.5rem}h2{font-size:1.25rem;margin-top:2rem;
border-top:1px solid var(--edge);padding-top:1rem}
h3{font-size:1rem;margin:1.2rem 0 .4rem}
a{color:var(--one)}
.quiet,dt,figcaption,footer{color:var(--quiet)}
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));
gap:.5rem 1rem;margin:.6rem 0;padding:.8rem;background:var(--card);border-radius:6px}
dl div{min-width:0}dt{font-size:.82rem}dd{margin:0}
.wide{overflow-x:auto}
table{border-collapse:collapse;min-width:40%}
th,td{padding:.25rem .7rem .25rem 0;text-align:left;vertical-align:top;
border-bottom:1px solid var(--edge);overflow-wrap:normal}
td{max-width:26rem;overflow-wrap:break-word}
td:not(.n){min-width:4rem}
th{font-weight:600;font-size:.85rem;color:var(--quiet)}
td.n{text-align:right;white-space:nowrap}th.n{text-align:right}
svg{display:block;width:100%}svg.bar{height:1.8rem;border-radius:4px}
svg text{fill:var(--quiet);font-size:11px}
rect.one{fill:var(--one)}rect.two{fill:var(--two)}rect.three{fill:var(--three)}
rect.four{fill:var(--bad)}rect.five{fill:var(--card)}
svg.bar{border:1px solid var(--edge)}
svg.blocks{width:auto;max-width:100%}svg.blocks text{fill:var(--text);font-size:13px}
rect.block{fill:var(--one);stroke:var(--edge)}
.alarm{border-left:4px solid var(--quiet);padding:.1rem 0 .1rem .8rem;margin:.8rem 0}
.alarm p{margin:.3rem 0}
.alarm.red{border-color:var(--bad)}.alarm.red strong{color:var(--bad)}
.alarm.amber{border-color:var(--warn)}.alarm.amber strong{color:var(--warn)}
line.axis{stroke:var(--edge)}line.median{stroke:var(--text);stroke-width:1.5}
line.announced{stroke:var(--two);stroke-width:1.5;stroke-dasharray:4 3}
svg.grid{width:auto;max-width:100%}svg.curve{max-width:52rem}
rect.frame{fill:var(--card);stroke:var(--edge)}
rect.unknown{fill:none;stroke:var(--quiet);stroke-width:.6;stroke-dasharray:2 2}
rect.box{fill:none;stroke:var(--two);stroke-width:1.5}
ellipse.sigma{fill:none;stroke:var(--text);stroke-width:1.5}
line.cross{stroke:var(--two);stroke-width:2}
line.mark{stroke-width:1.5}line.mark.two{stroke:var(--two);stroke-dasharray:4 3}
line.mark.own{stroke:var(--text)}rect.error{fill:var(--text);opacity:.2}
polyline{fill:none;stroke:var(--one);stroke-width:1.5}
polygon{fill:var(--one);opacity:.25}
.legend{list-style:none;padding:0;margin:.4rem 0;display:flex;flex-wrap:wrap;
gap:.2rem 1.4rem}
.legend li::before{content:"";display:inline-block;width:.8rem;height:.8rem;
margin-right:.4rem;border-radius:2px;background:var(--three)}
.legend .one::before{background:var(--one)}.legend .two::before{background:var(--two)}
.legend .own::before{background:var(--text)}
.legend .four::before{background:var(--bad)}
.legend .five::before{background:var(--card);border:1px solid var(--edge)}
.cells{display:grid;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));gap:1rem}
figure{margin:0}figcaption{font-size:.85rem}
footer{margin-top:2rem;font-size:.85rem}
@media print{:root{--back:#fff;--text:#000;--quiet:#444;--edge:#bbb;--one:#0072b2;
--two:#d55e00;--three:#ccc;--card:#fff;--bad:#cf222e;--warn:#9a6700}body{max-width:none;font-size:10pt}
section{break-inside:avoid}h2{break-before:page}h2.first{break-before:auto}
rect{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-"
    f"{base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()}'"
)
"""Content security policy: this style and nothing else, no script, no request."""
