"""The look of the HTML report: one column, calm, light and dark."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root{--bg:#fbfaf8;--card:#fff;--ink:#1f2328;--soft:#59636e;--line:#e3e0da;--good:#1f7a45;
--bad:#b3261e;--note:#8a5a00;--skip:#59636e;--code:#f1efea;--link:#0b57a4;--shade:0 1px 2px #0001}
@media (prefers-color-scheme:dark){:root{--bg:#15181c;--card:#1d2126;--ink:#e6e8ea;--soft:#a2abb4;
--line:#333a42;--good:#5bc489;--bad:#ff8a80;--note:#e3b341;--skip:#a2abb4;--code:#282e35;
--link:#7ab7ff;--shade:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 4rem}
a{color:var(--link)}
h1{font-size:2rem;line-height:1.2;margin:.1rem 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.5rem 0 .75rem;padding-top:.5rem}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
font-size:.86em}
code{background:var(--code);padding:.1em .35em;border-radius:4px;overflow-wrap:anywhere}
pre{background:var(--code);padding:.75rem;border-radius:6px;overflow:auto;max-height:26rem;
margin:.4rem 0}
header{display:flex;gap:2rem;align-items:center;justify-content:space-between}
.kicker{text-transform:uppercase;letter-spacing:.08em;font-size:.75rem;color:var(--soft);margin:0}
.about{margin:.1rem 0;color:var(--soft)}
.dial{--tone:var(--good);flex:none;width:8.5rem;height:8.5rem;border-radius:50%;display:grid;
place-content:center;text-align:center;background:radial-gradient(var(--bg) 62%,transparent 63%),
conic-gradient(var(--tone) calc(var(--share)*1%),var(--line) 0)}
.bad .dial{--tone:var(--bad)}
.dial b{font-size:1.7rem;line-height:1.1}.dial small{font-size:1rem;font-weight:400;
color:var(--soft)}
.dial span{font-size:.75rem;letter-spacing:.08em;color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.75rem;
list-style:none;
padding:0;margin:1.5rem 0}
.tiles a{display:block;background:var(--card);border:1px solid var(--line);
border-top:3px solid var(--tone);
border-radius:8px;padding:.6rem .9rem;color:inherit;text-decoration:none;box-shadow:var(--shade)}
.tiles a:hover{border-color:var(--tone)}
.tiles b{font-size:1.5rem;color:var(--tone);margin-right:.25rem}
.passed{--tone:var(--good)}.failed{--tone:var(--bad)}.note{--tone:var(--note)}.skipped{
--tone:var(--skip)}
.cheer{font-size:1.1rem;color:var(--good)}
.stop{border-left:4px solid var(--bad);padding:.1rem 1rem;background:var(--card)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line);
border-radius:8px}
th,td{padding:.45rem .8rem;border-bottom:1px solid var(--line);text-align:right;font-weight:400;
font-variant-numeric:tabular-nums;white-space:nowrap}
th:first-child{text-align:left}thead th{font-size:.8rem;color:var(--soft)}
tbody tr:last-child>*{border-bottom:0}
td i{display:block;height:3px;border-radius:2px;margin-top:2px;background:linear-gradient(90deg,
var(--good) calc(var(--share)*1%),var(--bad) 0)}
td.part{color:var(--bad);font-weight:600}
.card{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--tone);
border-radius:8px;margin:.75rem 0;padding:.7rem 1rem;box-shadow:var(--shade)}
summary{cursor:pointer}.card>summary{font-weight:600}
.level{font-size:.72rem;letter-spacing:.05em;color:var(--tone);border:1px solid currentColor;
border-radius:99px;padding:.05rem .5rem;font-weight:600}
.rule{color:var(--soft);margin:.6rem 0;border-left:2px solid var(--line);padding-left:.8rem}
dl{display:grid;grid-template-columns:6rem 1fr;gap:.3rem .8rem;margin:.6rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.wire{list-style:none;padding:0;margin:.5rem 0}
.wire li{padding:.15rem .6rem;border-left:3px solid var(--line);margin:.15rem 0}
.wire .sent{border-color:var(--link)}
.no{color:var(--soft);display:inline-block;min-width:2.2rem;font-variant-numeric:tabular-nums}
.channel{color:var(--soft)}.fault{color:var(--bad);margin:.2rem 0;font-size:.9em}
.chapter{border-bottom:1px solid var(--line);padding:.5rem 0}.chapter>summary{font-weight:600}
.chapter small,.list small{color:var(--soft);font-weight:400}
.list{list-style:none;padding:0}.list li{padding:.25rem 0;overflow-wrap:anywhere}
.mark{display:inline-block;min-width:4.6rem;color:var(--tone);font-size:.82rem;font-weight:600}
footer{margin-top:3rem;color:var(--soft);font-size:.88rem}
@media (max-width:36rem){main{padding:1.25rem .9rem 3rem}
th,td{padding:.4rem .3rem;font-size:.82rem}thead th{font-size:.66rem}
th:first-child{padding-left:.5rem;white-space:normal;overflow-wrap:anywhere}
th:last-child,td:last-child{padding-right:.5rem}
header{flex-direction:column;align-items:flex-start;gap:1rem}
dl{grid-template-columns:1fr}dt{margin-top:.3rem}}
@media print{body{background:#fff}.card{break-inside:avoid}}
"""
