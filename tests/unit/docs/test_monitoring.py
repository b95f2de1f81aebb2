"""The page on monitoring against the code: every metric, every alert, every field of the log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.unit.docs.test_docs import ROOT, read, rows_of, section_of
from tests.unit.webhook.fakes import TOKEN, make_config, make_web
from webhook.metrics import REFUSALS, RESULTS

if TYPE_CHECKING:
    from pathlib import Path

PAGE: Final = "docs/monitoring.md"
ALERTS: Final = ROOT / "deploy" / "monitoring" / "alerts.yml"


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def told_metrics(folder: Path) -> dict[str, str]:
    """Each family that a scrape tells, with its kind."""
    web = make_web(make_config(folder))
    text = web.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    return dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE))


def test_the_table_of_metrics_is_that_of_the_code(tmp_path: Path) -> None:
    told = told_metrics(tmp_path)
    rows = {name for name in rows_of(section_of(PAGE, "## Metrics")) if name.startswith("verdigris_")}

    assert rows == set(told)
    for name, kind in told.items():
        assert name.endswith("_total") is (kind == "counter"), name


def test_every_result_of_a_delivery_is_explained() -> None:
    page = section_of(PAGE, "## Metrics")

    results = {*RESULTS, *REFUSALS.values(), "unreadable"}
    assert {one for one in results if f"`{one}`" not in page} == set()


def test_every_alert_is_explained_and_leads_to_its_entry() -> None:
    names = [rule["alert"] for rule in alerts()]
    headings = re.findall(r"^### (\w+)$", section_of(PAGE, "## Alerts"), re.MULTILINE)

    assert headings == names
    for rule in alerts():
        assert rule["annotations"]["runbook"] == f"{PAGE}#{rule['alert'].lower()}"
        entry = section_of(PAGE, f"### {rule['alert']}")
        assert entry.strip().startswith(f"*{rule['labels']['severity'].capitalize()}.*")


def test_alerts_ask_for_metrics_that_there_are(tmp_path: Path) -> None:
    told = told_metrics(tmp_path)

    asked = {name for rule in alerts() for name in re.findall(r"verdigris_\w+", rule["expr"])}

    assert asked - set(told) == set()
    assert len(asked) > 8


def test_every_alert_has_its_test() -> None:
    tested = (ALERTS.parent / "alerts_test.yml").read_text(encoding="utf-8")

    assert [rule["alert"] for rule in alerts() if rule["alert"] not in tested] == []


def test_fields_that_stages_and_requests_bind_are_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", section_of(PAGE, "## Logs")))
    code = read("webhook/request_log.py") + read("tasks/execution.py") + read("worker/log_context.py")

    bound = set(
        re.findall(r"\b(delivery|release|app|tag|job|stage|request|sender|route|ms|outcome)[=\"]", code)
    )
    assert len(bound) > 8
    assert bound - explained == set()
