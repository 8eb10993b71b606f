"""Every mark of the chart kit as it was last looked at. A change shows as a diff of ``marks.svg``: look at it, then
write the file anew with ``EVALHARNESS_WRITE_GOLDEN=1``."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

from evalharness.report.charts.bars import Bar, Part, bars
from evalharness.report.charts.course import drift
from evalharness.report.charts.ecdf import Curve, curve_scale, ecdf
from evalharness.report.charts.gate_strip import GateRow, Limit, gate_strip
from evalharness.report.charts.history import ChangeMark, Level, Plot, Point, history_chart, history_strip
from evalharness.report.charts.load_curve import LoadLine, LoadPanel, LoadPoint, load_curve
from evalharness.report.charts.marks import Interval, Mark, swatch
from evalharness.report.charts.scatter import Dot, Panel, scatter
from evalharness.report.charts.shift import ShiftPoint, shift_chart
from evalharness.report.charts.strip import (
    LadderRow,
    forest_axis,
    forest_scale,
    forest_strip,
    ladder_axis,
    ladder_scale,
    ladder_strip,
    quality_scale,
    quality_strip,
)
from evalharness.report.numbers import duration_tick

GOLDEN = Path(__file__).with_name("marks.svg")


def interval(point: float, lower: float | None = None, upper: float | None = None) -> Interval:
    return Interval(point=point, lower=lower, upper=upper)


def pictures() -> list[tuple[str, Markup]]:
    drawn = [(f"swatch {place}", swatch(Mark(place))) for place in range(7)]
    shares = [interval(60, 55, 65), interval(72.5, 70, None)]
    quality = quality_scale(shares)
    drawn += [("quality strip", quality_strip(share, quality, Mark(2))) for share in shares]
    gaps = [interval(3, 1, 5), interval(-2, -4, 1), interval(1, -30, 30)]
    forest = forest_scale(gaps, 1)
    drawn += [("forest axis", forest_axis(forest, 1))]
    drawn += [("forest strip", forest_strip(gap, forest, Mark(3), 1)) for gap in gaps]
    row = LadderRow(mark=Mark(4), quantiles=[interval(800, 750, 900), interval(2000, 1800, 2600), interval(4000, 3000)])
    ladder = ladder_scale([row], 2500)
    drawn += [("ladder axis", ladder_axis(ladder, duration_tick, 2500)), ("ladder", ladder_strip(row, ladder, 2500))]
    seen = LadderRow(
        mark=Mark(2), quantiles=[interval(900, 850, 950), interval(2000, 1900, 2100)], errors_ms=[120, 120]
    )
    drawn += [("ladder with its error", ladder_strip(seen, ladder, 2500))]
    dots = [
        Dot(label="low", mark=Mark(2), x=interval(1, 0.9, 1.1), y=interval(60, 55, 65), series="a"),
        Dot(label="high & <mighty>", mark=Mark(4), x=interval(9, 8, 10), y=interval(70, 66, 74), series="a"),
    ]
    panel = Panel(title="Scatter", x_title="Cost", y_title="Right, %", write_x=lambda x: f"${x:g}", dots=dots)
    drawn += [("scatter", scatter(panel))]
    dominated = replace(dots[0], label="medium", mark=Mark(3), x=interval(12), y=interval(62, 58, 66), hollow=True)
    drawn += [("scatter, one dominated", scatter(replace(panel, dots=[dots[1], dominated])))]
    quantiles = [
        ("p10", interval(1.1, 1.0, 1.2)),
        ("p50", interval(1.4, 1.3, 1.5)),
        ("p95", interval(2.1, 1.6)),
        ("p99", None),
    ]
    shifts = [ShiftPoint(label=label, ratio=ratio) for label, ratio in quantiles]
    drawn += [("shift", shift_chart(shifts, Mark(2), title="Shift", y_title="Times", x_title="Quantile"))]
    curves = [Curve(label="low", mark=Mark(2), xs=[1, 2, 4, 8], ys=[0.25, 0.5, 0.75, 0.9], median=2, band=0.1)]
    drawn += [("ecdf", ecdf(curves, curve_scale(curves), title="Curve", x_title="Time", write=duration_tick))]
    parts = [Part(name="cached", role="cached", size=20), Part(name="unknown", role=None, size=60)]
    bar = Bar(label="low", parts=parts, total=80, total_text="80")
    drawn += [("bars", bars([bar], title="Bars", unit="tokens", write=lambda value: f"{value:g}", uid="golden"))]
    drawn += [("drift", drift([1, 2, None, 3], Mark(5), label="low", top_text="median 2 s"))]
    runs = [Point(value=interval(60, 55, 65)), Point(value=interval(61, 58, 64), broken=True)]
    drawn += [("history", history_strip(runs))]
    plot = Plot(
        title="Answer",
        desc="By run",
        points=[*runs, None, Point(value=interval(40, 36, 44)), Point(value=interval(41, 37, 45), whole=False)],
        ends=("2026-11-01", "2026-11-05"),
        write=lambda value: f"{value:g}%",
        is_positive=False,
        changes=[ChangeMark(at=3, label="−20 points", role="worse")],
        levels=[Level(value=60.5, first=0, last=1), Level(value=40, first=3, last=3)],
        limits=[(50, "limit 50%")],
    )
    drawn += [("history chart", history_chart(plot))]
    steps = [
        LoadPoint(level="5/s", mark=Mark(0), per_s=4.9, tail_ms=interval(850, 800, 950), median_ms=600),
        LoadPoint(level="20/s", mark=Mark(3), per_s=19.6, tail_ms=interval(900, 860, None), median_ms=610, holds=True),
        LoadPoint(level="40/s", mark=Mark(5), per_s=25.2, tail_ms=interval(5200, 4800, 5600), median_ms=3100),
    ]
    curve = LoadPanel(
        title="Time to first output",
        tail="p95",
        lines=[LoadLine(label="swift & <sure>", mark=Mark(0), points=steps)],
        limit_ms=2000,
        write_ms=duration_tick,
        write_per_s=lambda rate: f"{rate:g}",
    )
    drawn += [("load curve", load_curve(curve))]
    return [*drawn, *((f"gate strip, {name}", gate_strip(row)) for name, row in gates().items())]


def gates() -> dict[str, GateRow]:
    """A gate for each way that its strip can look."""
    share, margin = Limit(value=0.8, label="80%"), Limit(value=-0.02, label="−2")
    both = {"lower": margin, "upper": Limit(value=0.02, label="+2")}
    return {
        "pass": GateRow(found=interval(0.862, 0.821, 0.896), mark=Mark(3), lower=share),
        "fail": GateRow(found=interval(2640, 2520, 2910), mark=Mark(2), upper=Limit(value=2500, label="2.5 s")),
        "open": GateRow(found=interval(0.813, 0.771, 0.848), mark=Mark(2), lower=share),
        "missing decide": GateRow(
            found=interval(0.842, 0.803, 0.874), mark=Mark(4), lower=share, extremes=(0.741, 0.889)
        ),
        "two limits": GateRow(found=interval(0.004, -0.011, 0.019), mark=Mark(3), **both),
        "two limits, far out": GateRow(found=interval(0.4, 0.3, 0.5), mark=Mark(3), **both),
        "no upper limit": GateRow(found=interval(1840, 1702), mark=Mark(5), upper=Limit(value=2500, label="2.5 s")),
        "nothing found": GateRow(found=None, mark=Mark(0), lower=share),
        "on the limit": GateRow(found=interval(0.8, 0.8, 0.8), mark=Mark(0), lower=share),
    }


def sheet() -> str:
    rows, y = [], 0
    for name, picture in pictures():
        height = float(ElementTree.fromstring(picture).get("height"))
        rows.append(f'<g transform="translate(0 {y})"><!-- {name} -->\n{picture}\n</g>')
        y += int(height) + 10
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="680" height="{y}">'
    return "\n".join([head, *rows, "</svg>", ""])


def test_marks_are_drawn_as_they_were_last_looked_at():
    if os.environ.get("EVALHARNESS_WRITE_GOLDEN"):
        GOLDEN.write_text(sheet(), encoding="utf-8")
    assert sheet() == GOLDEN.read_text(encoding="utf-8")
