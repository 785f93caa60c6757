"""The page of all metrics: read off the registry, with what feeds each of them looked up in the code.

In: `telemetry.metrics.Metrics` and the package's source. Out: Markdown. Called by `write_reference`, and by the
test that compares the two.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tidemill
from tidemill.telemetry import metrics
from tidemill.telemetry.metrics import Metrics

PACKAGE = Path(tidemill.__file__).parent

ALIASES = (
    ("etl_operation_duration_seconds", 'tidemill_search_duration_seconds (operation="search")'),
    ("etl_queue_size", "tidemill_queue_depth"),
    ("etl_records_failed_total", 'tidemill_captures_processed_total{result="failed"}'),
    ("etl_records_processed_total", "tidemill_captures_processed_total"),
    ("http_request_duration_seconds", "tidemill_http_request_duration_seconds (label `route` for `endpoint`)"),
    ("http_requests_in_progress", "tidemill_http_requests_in_progress (no labels)"),
    ("http_requests_total", "tidemill_http_requests_total (labels `route` for `endpoint`, `status` for `status_code`)"),
    ("scraping_pages_total", "tidemill_fetch_requests_total"),
)
"""The specification's names, and the metric that means the same."""

_INTRODUCTION = """\
# Metrics

<!-- Written by `make docs` from the code; edit src/tidemill/telemetry/metrics.py instead. -->

```console
$ curl -s http://127.0.0.1:8000/metrics | grep '^tidemill_store'
```

Prometheus text format 0.0.4. Times are in seconds, sizes in bytes. Labels come from closed lists: no site and no
visitor can make series. Those marked *house* are read from the database just before each scrape, so they hold for all
processes together and survive them; the others count what this process did. A counter of a crawl that ran as
`tidemill crawl` is therefore not in the metrics of a `tidemill serve` beside it, while the house's gauges are.
"""
_SAMPLE = "`process_*` (CPU, memory, open files) come from the Prometheus client itself."


def render_metrics() -> str:
    """The whole page."""
    shown = Metrics()
    unfed = _unfed()
    parts = [_INTRODUCTION, "\n| Metric | Type | Labels | What it counts |\n|---|---|---|---|\n"]
    for attribute, metric in _metrics(shown):
        parts.append(_row(attribute, metric, is_fed=attribute not in unfed))
    parts += [f"\n{_SAMPLE} `tidemill_build_info` bears the version.\n"]
    parts += ["\n## Names of the specification\n\n| Name | Metric here |\n|---|---|\n"]
    parts += [f"| `{name}` | {_as_code(ours)} |\n" for name, ours in ALIASES]
    return "".join(parts)


def _metrics(shown: Metrics) -> Iterator[tuple[str, Any]]:
    for attribute, value in vars(shown).items():
        if hasattr(value, "_labelnames"):
            yield attribute, value


def _row(attribute: str, metric: Any, *, is_fed: bool) -> str:
    name = metric._name + ("_total" if metric._type == "counter" else "")
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)
    house = " *House.*" if attribute.startswith(("_queue", "_store")) else ""
    missing = "" if is_fed else " **Not counted yet: always 0.**"
    return f"| `{name}` | {metric._type} | {labels} | {metric._documentation}.{house}{missing} |\n"


def _unfed() -> set[str]:
    """The metrics that only methods set which nothing in the package calls."""
    code = "\n".join(
        path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py")) if path.parent.name != "telemetry"
    )
    tree = ast.parse(inspect.getsource(metrics))
    klass = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Metrics")
    methods = [node for node in klass.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    called = {method.name: f".{method.name}(" in code for method in methods}
    dead = {name for method in methods if not called[method.name] for name in _own(method)}
    return dead - {name for method in methods if called[method.name] for name in _own(method)}


def _own(method: ast.FunctionDef) -> set[str]:
    return {
        node.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }


def _as_code(text: str) -> str:
    name, mark, rest = text.partition(" ")
    return f"`{name}`{mark}{rest}"
