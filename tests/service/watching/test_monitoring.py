"""The ready-made dashboard and alert rules ask for what is really measured."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from service.watching.health import LONG_STEPS
from settings.public import Turns
from tests.covering import covers

FOLDER = Path(__file__).parents[3] / "docs" / "monitoring"
ALERTS = yaml.safe_load((FOLDER / "alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]

_NAMES = """
from service.watching import metrics
from prometheus_client import REGISTRY
for metric in REGISTRY.collect():
    if metric.name.startswith("swpt_trade"):
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(metric.type, [""])
        for suffix in suffixes:
            print(metric.name + suffix)
"""


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all samples there can be."""
    path = str(tmp_path_factory.mktemp("metrics"))
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": path}
    done = subprocess.run([sys.executable, "-c", _NAMES], env=environ, capture_output=True, text=True, check=True)
    return {*done.stdout.split(), *_figures(), "swpt_trade_process_healthy", "up"}


def _figures() -> Iterator[str]:
    text = (FOLDER.parents[1] / "service" / "watching" / "figures.py").read_text()
    yield from re.findall(r'GaugeMetricFamily\(\s*"(\w+)"', text)
    yield from ("swpt_trade_" + name for name in re.findall(r'_gauge\(\s*"(\w+)"', text))


def plain(query: str) -> str:
    """A query with values in place of the dashboard's variables."""
    return query.replace("$__rate_interval", "5m").replace("$server", ".*")


def selected(query: str) -> set[str]:
    """The names of the metrics in a query. Raises ValueError when it is none."""
    tree = promql_parser.parse(plain(query))
    found: set[str] = set()
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, promql_parser.VectorSelector):
            found.add(node.name)
        parts = [getattr(node, part, None) for part in ("expr", "lhs", "rhs", "vector_selector", "param")]
        waiting += [part for part in [*parts, *getattr(node, "args", [])] if part is not None]
    return found


@pytest.mark.parametrize("query", [*QUERIES, *(rule["expr"] for rule in RULES)])
def test_queries_are_valid_and_ask_for_metrics_that_exist(query: str, metrics: set[str]) -> None:
    names = selected(query)
    assert names
    assert names <= metrics


def test_wrong_queries_would_be_noticed() -> None:
    with pytest.raises(ValueError, match=r"."):
        selected("sum by (x) rate(")
    assert selected('max by (a) (x{b="c"}) / sum(rate(y[$__rate_interval])) > 2 * z') == {"x", "y", "z"}


def test_everything_that_is_measured_is_shown(metrics: set[str]) -> None:
    asked = {name for query in [*QUERIES, *(rule["expr"] for rule in RULES)] for name in selected(query)}
    hardly_news = {
        "swpt_trade_figures_seconds",
        "swpt_trade_solver_peak_memory_bytes",
        "swpt_trade_solver_share_of_bound_ratio",
        "swpt_trade_solver_solved_timestamp_seconds",
        "swpt_trade_step_seconds_count",
        "swpt_trade_step_items_bucket",
        "swpt_trade_turn_id",
        "swpt_trade_turns_open",
        "swpt_trade_worker_turn_deadline_seconds",
        "swpt_trade_worker_turn_subphase",
        "swpt_trade_worker_turns_open",
    }
    assert metrics - asked == hardly_news


def test_every_alert_says_what_to_do() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))
    for rule in RULES:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"].keys() == {"summary", "action", "runbook_url"}
        assert re.fullmatch(r"\d+[smhd]", rule.get("for", "1m"))
    asked = " ".join(rule["expr"] for rule in RULES)
    for subject in ("turn_overdue", 'kind="set_aside"', 'event="dead_letter"', "oldest_seconds", "process_healthy"):
        assert subject in asked


@covers("G36")
def test_a_turn_that_a_dead_worker_holds_up_raises_an_alert() -> None:
    """A turn that a dead worker holds up is reported before the next one is due, and not while it may be in work."""
    (rule,) = [rule for rule in RULES if rule["alert"] == "SwptTradeTurnOverdue"]
    threshold = int(rule["expr"].split(">")[1])
    period = Turns.model_fields["turn_period"].default.total_seconds()
    assert LONG_STEPS["roll_turns"] <= threshold < period / 2


def test_labels_in_texts_exist_in_queries() -> None:
    for rule in RULES:
        labels = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        assert labels <= {"server", "process", "database", "kind", "step", "problem", "shard"}
        grouped = re.search(r"by \(([^)]*)\)", rule["expr"])
        if grouped:
            assert labels <= set(re.split(r", ", grouped[1]))


def test_the_dashboard_can_be_imported() -> None:
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time"} <= DASHBOARD.keys()
    identifiers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(identifiers) == len(set(identifiers))
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD["panels"])))
    assert {name for name in used if not name.startswith("__")} == variables
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        own = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not own & cells, panel["title"]
        cells |= own
    for panel in PANELS:
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${datasource}"


def test_the_example_configuration_of_prometheus() -> None:
    example = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert example["rule_files"] == ["alerts.yml"]
    (job,) = example["scrape_configs"]
    assert all("server" in target["labels"] for target in job["static_configs"])
    assert f'job="{job["job_name"]}"' in RULES[0]["expr"]
