#!/usr/bin/env python3
"""Builds the Grafana dashboards beside this file from the tables in panels.py.

    python3 dashboards/build.py           writes them
    python3 dashboards/build.py --check   says whether the files are what the tables say
"""

import json
import sys
from pathlib import Path

from panels import DASHBOARDS, DOCS

HERE = Path(__file__).resolve().parent
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Grafana numbers the forms its dashboards had; 42 is that of Grafana 12 and 13, which migrate it when they change theirs.
SCHEMA_VERSION = 42


def thresholds(steps):
    """Steps as (from, colour), the first one from minus infinity."""
    return {"mode": "absolute", "steps": [{"value": None if at == 0 else value, "color": colour}
                                          for at, (value, colour) in enumerate(steps)]}


def field_config(panel):
    defaults = {
        "unit": panel.get("unit", "short"),
        "noValue": panel.get("empty", "nothing seen"),
        "thresholds": thresholds(panel.get("steps", [(None, "blue")])),
        "color": {"mode": "thresholds" if "steps" in panel else "palette-classic"},
    }
    for key in ("min", "max", "decimals", "mappings", "links"):
        if key in panel:
            defaults[key] = panel[key]
    if panel["kind"] == "timeseries":
        defaults["color"] = {"mode": "palette-classic"}
        defaults["custom"] = {
            "drawStyle": "line",
            "fillOpacity": 30 if panel.get("stack") else 8,
            "lineWidth": 1,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.get("stack") else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if "steps" in panel else "off"},
        }
    if panel["kind"] == "state-timeline":
        defaults["custom"] = {"fillOpacity": 80, "lineWidth": 0}
    overrides = []
    for name, properties in panel.get("columns", {}).items():
        overrides.append({
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": key, "value": value} for key, value in properties.items()],
        })
    for name, colour in panel.get("colours", {}).items():
        overrides.append({
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        })
    return {"defaults": defaults, "overrides": overrides}


def reduce_last(values=False):
    return {"calcs": ["lastNotNull"], "fields": "", "values": values}


def options(panel):
    kind = panel["kind"]
    if kind == "stat":
        return {"colorMode": "value", "graphMode": "area" if panel.get("graph") else "none", "justifyMode": "auto",
                "orientation": "auto", "percentChangeColorMode": "standard", "reduceOptions": reduce_last(),
                "showPercentChange": False, "textMode": "auto", "wideLayout": True}
    if kind == "timeseries":
        return {"legend": {"calcs": ["max", "lastNotNull"], "displayMode": "table", "placement": "bottom",
                           "showLegend": True},
                "tooltip": {"mode": "multi", "sort": "desc"}}
    if kind == "bargauge":
        return {"displayMode": "basic", "legend": {"calcs": [], "displayMode": "list", "placement": "bottom",
                                                   "showLegend": False},
                "maxVizHeight": 300, "minVizHeight": 12, "minVizWidth": 8, "namePlacement": "auto",
                "orientation": "horizontal", "reduceOptions": reduce_last(), "showUnfilled": True, "sizing": "auto",
                "valueMode": "color"}
    if kind == "table":
        sort = panel.get("sort")
        return {"cellHeight": "sm", "frameIndex": 0, "showHeader": True,
                **({"sortBy": [{"displayName": sort, "desc": True}]} if sort else {})}
    if kind == "state-timeline":
        return {"alignValue": "left", "mergeValues": True, "rowHeight": 0.8, "showValue": "never",
                "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
                "tooltip": {"mode": "single", "sort": "none"}}
    if kind == "geomap":
        size = {"fixed": 8, "min": 5, "max": 30, "field": "Value"}
        layer = {
            "type": "markers", "name": "Where octets went", "tooltip": True,
            "location": {"mode": "lookup", "lookup": "dst_location", "gazetteer": "public/gazetteer/countries.json"},
            "config": {"showLegend": False, "style": {
                "size": size, "color": {"fixed": "dark-orange"}, "opacity": 0.5,
                "symbol": {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"},
                "text": {"fixed": "", "field": "dst_location", "mode": "field"}}},
        }
        return {"basemap": {"type": "default", "name": "Basemap", "config": {}},
                "controls": {"mouseWheelZoom": False, "showAttribution": True, "showZoom": True},
                "layers": [layer], "tooltip": {"mode": "details"}, "view": {"id": "zero", "lat": 20, "lon": 0, "zoom": 1,
                                                                            "allLayers": True}}
    raise ValueError(kind)


def targets(panel):
    instant = panel["kind"] in ("stat", "bargauge", "table", "geomap") and not panel.get("graph")
    found = []
    for at, query in enumerate(panel["queries"]):
        expr, legend = query if isinstance(query, tuple) else (query, "")
        found.append({
            "refId": chr(ord("A") + at), "datasource": DATASOURCE, "editorMode": "code",
            "expr": " ".join(expr.split()), "legendFormat": legend or "__auto",
            "instant": instant, "range": not instant,
            "format": "table" if panel["kind"] in ("table", "geomap") else "time_series",
        })
    return found


def grafana_panel(panel, number, place):
    made = {
        "id": number, "type": panel["kind"], "title": panel["title"], "description": panel["description"],
        "datasource": DATASOURCE, "gridPos": place, "targets": targets(panel), "fieldConfig": field_config(panel),
        "options": options(panel), "transformations": [],
    }
    if panel["kind"] == "table":
        made["transformations"].append({"id": "organize", "options": {
            "excludeByName": {name: True for name in ["Time", "__name__", "job", *panel.get("hide", [])]},
            "indexByName": {}, "renameByName": panel.get("rename", {})}})
    if "runbook" in panel:
        made["links"] = [{"title": "What to do", "url": f"{DOCS}/runbooks/{panel['runbook']}.md", "targetBlank": True,
                          "asDropdown": False, "icon": "doc", "includeVars": False, "keepTime": False, "tags": [],
                          "tooltip": "The runbook", "type": "link"}]
    return made


def laid_out(sections):
    """Panels from left to right, a section under the other."""
    made, number, top = [], 0, 0
    for title, panels in sections:
        number += 1
        made.append({"id": number, "type": "row", "title": title, "collapsed": False, "panels": [],
                     "gridPos": {"x": 0, "y": top, "w": 24, "h": 1}})
        top, left, height = top + 1, 0, 0
        for panel in panels:
            wide, high = panel.get("size", (12, 8))
            if left + wide > 24:
                top, left, height = top + height, 0, 0
            number += 1
            made.append(grafana_panel(panel, number, {"x": left, "y": top, "w": wide, "h": high}))
            left, height = left + wide, max(height, high)
        top += height
    return made


def variable(name, label, query, description):
    return {
        "type": "query", "name": name, "label": label, "description": description, "datasource": DATASOURCE,
        "query": {"query": query, "refId": f"variable-{name}", "qryType": 1},
        "refresh": 2, "regex": "", "sort": 1, "multi": True, "includeAll": True, "allValue": ".*", "hide": 0,
        "skipUrlSync": False, "options": [], "current": {"text": ["All"], "value": ["$__all"], "selected": True},
    }


VARIABLES = {
    "instance": variable("instance", "Host", "label_values(borderpost_build_info, instance)", "The sensors to show"),
    "jurisdiction": variable("jurisdiction", "Jurisdiction", "label_values(borderpost_egress_bytes_total, dst_location)",
                             "Where data went: ISO 3166-1 codes, ZZ unknown"),
    "rule": variable("rule", "Rule", "label_values(borderpost_violations_total, rule)", "The rules to show"),
}

DATASOURCE_VARIABLE = {
    "type": "datasource", "name": "datasource", "label": "Prometheus", "description": "The Prometheus that scrapes the sensors",
    "query": "prometheus", "refresh": 1, "regex": "", "multi": False, "includeAll": False, "hide": 0,
    "skipUrlSync": False, "options": [], "current": {"text": "default", "value": "default", "selected": True},
}


def annotation(name, colour, query, title, **more):
    return {"name": name, "enable": True, "hide": False, "iconColor": colour, "datasource": DATASOURCE, "expr": query,
            "titleFormat": title, "textFormat": "{{instance}}", **more}


ANNOTATIONS = [
    annotation("Reloads", "blue",
               'borderpost_config_last_reload_success_timestamp_seconds{instance=~"$instance"} * 1000',
               "Configuration taken up", useValueForTime=True, step="60s", tagKeys="instance"),
    annotation("Refused reloads", "red", 'borderpost_config_last_reload_successful{instance=~"$instance"} == 0',
               "Configuration refused", step="60s", tagKeys="instance"),
    annotation("Policy changes", "purple",
               '(borderpost_policy_info{instance=~"$instance"} unless borderpost_policy_info{instance=~"$instance"} offset 2m)'
               ' and on (instance) (borderpost_build_info offset 2m)',
               "Policy {{policy}} is now version {{version}}", step="60s", tagKeys="policy,version"),
]


def grafana_dashboard(dashboard):
    return {
        "uid": dashboard["uid"], "title": dashboard["title"], "description": dashboard["description"],
        "tags": ["borderpost"], "schemaVersion": SCHEMA_VERSION, "editable": True, "graphTooltip": 1,
        "refresh": "30s", "timezone": "browser", "fiscalYearStartMonth": 0, "weekStart": "", "preload": False,
        "liveNow": False, "time": {"from": "now-6h", "to": "now"}, "timepicker": {},
        "links": [
            {"title": "Borderpost", "type": "dashboards", "tags": ["borderpost"], "asDropdown": True, "includeVars": True,
             "keepTime": True, "icon": "external link", "targetBlank": False, "tooltip": "The other dashboards", "url": ""},
            {"title": "Runbooks", "type": "link", "tags": [], "asDropdown": False, "includeVars": False, "keepTime": False,
             "icon": "doc", "targetBlank": True, "tooltip": "What each alert means and what to do",
             "url": f"{DOCS}/runbooks/README.md"},
        ],
        "annotations": {"list": ANNOTATIONS},
        "templating": {"list": [DATASOURCE_VARIABLE, *(VARIABLES[name] for name in dashboard["variables"])]},
        "panels": laid_out(dashboard["sections"]),
    }


def main():
    check, stale = "--check" in sys.argv, []
    for dashboard in DASHBOARDS:
        path = HERE / f"{dashboard['file']}.json"
        text = json.dumps(grafana_dashboard(dashboard), indent=1, ensure_ascii=False) + "\n"
        if check and (not path.exists() or path.read_text() != text):
            stale.append(path.name)
        if not check:
            path.write_text(text)
    if stale:
        sys.exit(f"not what panels.py says: {', '.join(stale)}; run python3 dashboards/build.py")


if __name__ == "__main__":
    main()
