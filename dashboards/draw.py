#!/usr/bin/env python3
"""Draws what the dashboards show, from their own queries, against a Prometheus fed by the demo capture: docs/images/*.png.

    python3 dashboards/draw.py target/release/borderpost

Needs Debian's prometheus and chromium. These are no screenshots of Grafana: the same panels at the same places with the same figures.
"""

import html
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import build
from panels import DASHBOARDS
from prove import history
from stack import DEMO, HERE, Stack, filled_in, until

IMAGES = HERE.parent / "docs/images"
SHOWN = 150
# Middle of the countries that the demo reaches, in degrees north and east.
PLACES = {"CN": (35, 103), "DE": (51, 10), "SG": (1, 104), "US": (39, -98)}
COLOURS = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#37872d", "#e0b400", "#1f60c4", "#c4162a"]
NAMED = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "dark-red": "#c4162a", "yellow": "#f2cc0c", "blue": "#5794f2"}
WIDE, HIGH, LINE = 1200, 30, 24
STYLE = """body{margin:0;background:#111217;color:#d8d9da;font:12px 'DejaVu Sans',sans-serif}
.p{position:absolute;background:#181b1f;border:1px solid #2c3235;border-radius:2px;overflow:hidden;box-sizing:border-box;padding:4px 8px}
.t{font-weight:bold;font-size:11px;white-space:nowrap;overflow:hidden}.v{font-size:24px;font-weight:bold;text-align:center;padding-top:22px}
.r{position:absolute;font-size:13px;font-weight:bold;padding:6px 8px}table{border-collapse:collapse;width:100%;font-size:10px;margin-top:4px}
td,th{text-align:left;border-bottom:1px solid #2c3235;padding:2px 4px;white-space:nowrap}.b{height:11px;display:inline-block}
.l{font-size:9px;line-height:12px;white-space:nowrap;overflow:hidden}.e{color:#8e8e8e;text-align:center;padding-top:30px}"""


def said(value, unit, decimals=None):
    """A figure with its unit."""
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        return f"{value / 86400:.0f} d" if value > 172800 else f"{value:.3g} s"
    if unit == "dateTimeAsIso":
        return time.strftime("%Y-%m-%d %H:%M", time.gmtime(value / 1000))
    suffix = {"Bps": "B/s", "bytes": "B", "pps": " p/s", "cps": "/s"}.get(unit, "")
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}{suffix}"
    return f"{value:.{0 if decimals == 0 else 3}{'f' if decimals == 0 else 'g'}} {suffix}".strip()


def colour(panel, name, value, at):
    """Of a series or a figure."""
    if name in panel.get("colours", {}):
        return NAMED[panel["colours"][name]]
    if "steps" in panel and panel["kind"] != "timeseries":
        fitting = [step for start, step in panel["steps"] if start is None or value >= start]
        return NAMED[fitting[-1]]
    return COLOURS[at % len(COLOURS)]


def legend(template, labels):
    if not template or template == "__auto":
        return ", ".join(value for key, value in sorted(labels.items()) if key not in ("job", "__name__"))
    for key, value in labels.items():
        template = template.replace("{{" + key + "}}", value)
    return template


def number(sample):
    return float(sample["value"][1])


def curves(panel, found, wide, high):
    """Lines over time, stacked where the panel stacks."""
    series = [(legend(target, item["metric"]), [(float(at), float(value)) for at, value in item["values"]])
              for target, items in found for item in items]
    series = [(name, [(at, 0 if value != value else value) for at, value in points]) for name, points in series]
    if not series:
        return None
    times = [at for _, points in series for at, _ in points]
    first, last = min(times), max(max(times), min(times) + 1)
    base, stacked = {}, []
    for name, points in series:
        if panel.get("stack"):
            points = [(at, base.setdefault(at, 0) + value) for at, value in points]
            base.update(points)
        stacked.append((name, points))
    top = max([value for _, points in stacked for _, value in points] + [1e-9]) * 1.05
    legends = min(len(series), 4)
    room = high - 44 - 12 * legends
    place = lambda at, value: f"{46 + (at - first) / (last - first) * (wide - 70):.1f},{room - value / top * (room - 8):.1f}"
    svg = f'<svg width="{wide - 20}" height="{room + 4}">'
    for part in (0, 0.5, 1):
        level = room - part * (room - 8) / 1.05
        svg += (f'<line x1="46" x2="{wide - 24}" y1="{level}" y2="{level}" stroke="#2c3235"/><text x="42" y="{level + 3}" fill="#9fa7b3" '
                f'font-size="9" text-anchor="end">{html.escape(said(top / 1.05 * part, panel.get("unit", "short")))}</text>')
    for at, (name, points) in reversed(list(enumerate(stacked))):
        path, shade = " ".join(place(*point) for point in points), colour(panel, name, 0, at)
        if panel.get("stack"):
            svg += f'<polygon points="{place(points[0][0], 0)} {path} {place(points[-1][0], 0)}" fill="{shade}" fill-opacity="0.45"/>'
        svg += f'<polyline points="{path}" fill="none" stroke="{shade}" stroke-width="1.3"/>'
    rows = "".join(f'<div class="l"><span style="color:{colour(panel, name, 0, at)}">&#9644;</span> {html.escape(name)}: '
                   f'{said(points[-1][1], panel.get("unit", "short"))}</div>' for at, (name, points) in enumerate(series[:legends]))
    return svg + "</svg>" + rows


def bars(panel, found, wide, high):
    rows = sorted(((legend(target, item["metric"]), number(item)) for target, items in found for item in items), key=lambda row: -row[1])
    rows = rows[:max(3, (high - 30) // 18)]
    if not rows:
        return None
    top = panel.get("max") or max(abs(value) for _, value in rows) or 1
    return "".join(f'<div class="l" style="line-height:18px">{html.escape(name):s} <span class="b" style="background:'
                   f'{colour(panel, name, value, at)};width:{max(2, abs(value) / top * (wide - 260)):.0f}px"></span> '
                   f'{said(value, panel.get("unit", "short"))}</div>' for at, (name, value) in enumerate(rows))


def table(panel, found, high):
    items = sorted((item for _, items in found for item in items), key=number, reverse=True)[:max(2, (high - 50) // 18)]
    if not items:
        return None
    hidden = {"job", "__name__", *panel.get("hide", [])}
    columns = [key for key in [*panel.get("rename", {}), *items[0]["metric"]] if key in items[0]["metric"] or key == "Value"]
    columns = [key for key in dict.fromkeys(columns) if key not in hidden]
    names = panel.get("rename", {})
    text = "<table><tr>" + "".join(f"<th>{html.escape(names.get(key, key))}</th>" for key in columns) + "</tr>"
    for item in items:
        unit = panel.get("columns", {}).get(names.get("Value"), {}).get("unit", panel.get("unit", "short"))
        cells = [said(number(item), unit) if key == "Value" else item["metric"].get(key, "") for key in columns]
        text += "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
    return text + "</table>"


def world(found, wide, high):
    """Circles on degrees: Grafana has the map, we have the places."""
    wide, high = wide - 20, high - 30
    svg = f'<svg width="{wide}" height="{high}">'
    for degrees in range(-180, 181, 30):
        x = (degrees + 180) / 360 * wide
        svg += f'<line x1="{x}" x2="{x}" y1="0" y2="{high}" stroke="#23282c"/>'
    for degrees in range(-60, 91, 30):
        y = (90 - degrees) / 150 * high
        svg += f'<line x1="0" x2="{wide}" y1="{y}" y2="{y}" stroke="#23282c"/>'
    items = [(item["metric"]["dst_location"], number(item)) for _, items in found for item in items]
    most = max([value for _, value in items] + [1])
    for name, value in items:
        north, east = PLACES.get(name, (0, -30))
        x, y = (east + 180) / 360 * wide, (90 - north) / 150 * high
        svg += (f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{8 + 22 * (value / most) ** 0.5:.0f}" fill="#fa6400" fill-opacity="0.5"/>'
                f'<text x="{x:.0f}" y="{y + 4:.0f}" fill="#fff" font-size="11" text-anchor="middle">{name} {said(value, "bytes")}</text>')
    return svg + "</svg>"


def states(found, wide):
    rows = ""
    for target, items in found:
        for item in items:
            up = "".join(f'<span class="b" style="width:{(wide - 160) / len(item["values"]):.2f}px;background:'
                         f'{NAMED["green"] if value == "1" else NAMED["red"]}"></span>' for _, value in item["values"])
            rows += f'<div class="l" style="line-height:20px">{html.escape(legend(target, item["metric"]))} {up}</div>'
    return rows or None


def drawn(stack, panel, place, grafana):
    """One panel as HTML."""
    wide, high = place["w"] * WIDE // 24, place["h"] * HIGH
    over_time = panel["kind"] in ("timeseries", "state-timeline")
    found = []
    for target in grafana["targets"]:
        query = filled_in(target["expr"], rate="20s", shown="10m")
        found.append((target["legendFormat"], stack.over_time(query, SHOWN, 3) if over_time else stack.instant(query)))
    if panel["kind"] == "timeseries":
        inner = curves(panel, found, wide, high)
    elif panel["kind"] == "bargauge":
        inner = bars(panel, found, wide, high)
    elif panel["kind"] == "table":
        inner = table(panel, found, high)
    elif panel["kind"] == "geomap":
        inner = world(found, wide, high)
    elif panel["kind"] == "state-timeline":
        inner = states(found, wide)
    else:
        values = [number(item) for _, items in found for item in items]
        inner = values and (f'<div class="v" style="color:{colour(panel, "", values[0], 0)}">'
                            f'{said(values[0], panel.get("unit", "short"), panel.get("decimals"))}</div>')
    inner = inner or f'<div class="e">{html.escape(panel.get("empty", "nothing seen"))}</div>'
    return (f'<div class="p" style="left:{place["x"] * WIDE // 24}px;top:{LINE + place["y"] * HIGH}px;width:{wide - 4}px;height:{high - 4}px">'
            f'<div class="t">{html.escape(panel["title"])}</div>{inner}</div>')


# Beside the policy of the home, so that there is something to show of suspicions.
SUSPECTS = """
[policy]
id = "acme"
default = "allow"
[[suspicion]]
id = "sealed-upload"
to = ["!@home"]
over = "16KiB"
severity = "medium"
reason = "much goes out that nobody can read"
"""


def main():
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="borderpost-draw-") as folder, Stack(Path(sys.argv[1]).resolve(), folder) as stack:
        stack.reserve("demo", "reload")
        stack.prometheus(history(stack))
        suspects = Path(folder) / "suspects.toml"
        suspects.write_text(SUSPECTS)
        for name in stack.sensors:
            stack.sensor(name, "--home", "US", "--policy", "home", "--policy", suspects, "--loop", "--speed", "0.5" if name == "reload" else "1", DEMO)
        until("there is enough to show", lambda: stack.instant(f"min(count_over_time(up[{SHOWN}s])) >= {SHOWN // 5 - 2}"), SHOWN + 60)
        for dashboard in DASHBOARDS:
            panels = {panel["title"]: panel for _, panels in dashboard["sections"] for panel in panels}
            page, bottom = f'<style>{STYLE}</style><div class="r">{html.escape(dashboard["title"])}</div>', 0
            for made in build.laid_out(dashboard["sections"]):
                place = made["gridPos"]
                bottom = max(bottom, place["y"] + place["h"])
                if made["type"] == "row":
                    page += f'<div class="r" style="top:{LINE + place["y"] * HIGH}px">{html.escape(made["title"])}</div>'
                else:
                    page += drawn(stack, panels[made["title"]], place, made)
            source = Path(folder) / f"{dashboard['file']}.html"
            source.write_text(f'<!doctype html><meta charset="utf-8">{page}')
            image = IMAGES / f"{dashboard['file']}.png"
            subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--screenshot={image}",
                            f"--window-size={WIDE},{LINE + bottom * HIGH}", f"--user-data-dir={folder}/chromium", source.as_uri()],
                           check=True, capture_output=True)
            print(f"{image.relative_to(HERE.parent)}: {image.stat().st_size >> 10} KiB")


if __name__ == "__main__":
    main()
