"""`verdigris plan` where there is nothing to plan with, and the form of what it prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cli.commands.plan import as_json
from cluster.kinds import Ref
from release.model import Color
from tasks.findings import Finding, Findings
from tasks.plan import Change, Plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.canned import Terminal


def test_a_configuration_that_is_not_there_is_wrong_usage(bare_terminal: Terminal, tmp_path: Path) -> None:
    bare_terminal.environment |= {"VERDIGRIS_CONFIG": str(tmp_path / "verdigris.yml")}

    result = bare_terminal.run("plan", "shop", "v1-blue")

    assert result.exit_code == 2
    assert "start from verdigris.example.yml" in result.stderr
    assert result.stdout == ""


def test_a_kubeconfig_that_is_not_there_is_wrong_usage(bare_terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "verdigris.yml"
    app = {
        "repository": str(tmp_path),
        "namespace": "shop",
        "image": "shop:{tag}",
        "gateway": {"address": "http://127.0.0.1:1"},
    }
    file.write_text(json.dumps({"apps": {"shop": app}}), encoding="utf-8")
    bare_terminal.environment |= {"VERDIGRIS_CONFIG": str(file), "KUBECONFIG": str(tmp_path / "nothing")}

    result = bare_terminal.run("plan", "shop", "v1-blue")

    assert result.exit_code == 2
    assert "Error: No usable kubeconfig" in result.stderr


def test_programs_get_findings_warnings_and_changes_by_name() -> None:
    findings = Findings("shop v1-blue")
    findings.add(Finding("tag-moved", "Moved", "it is another commit", "push a new tag"))
    findings.warn(Finding("in-mesh-leak", "Leak", "Service shop/shop", "add mesh"))
    change = Change(Ref("Service", "shop", "shop"), is_new=True, difference="+kind: Service")

    assert as_json(Plan("shop", "v1-blue", Color.BLUE, None, findings, [change])) == {
        "app": "shop",
        "tag": "v1-blue",
        "color": "blue",
        "commit": None,
        "passes": False,
        "findings": [
            {
                "slug": "tag-moved",
                "title": "Moved",
                "detail": "it is another commit",
                "next_step": "push a new tag",
            }
        ],
        "warnings": [
            {"slug": "in-mesh-leak", "title": "Leak", "detail": "Service shop/shop", "next_step": "add mesh"}
        ],
        "changes": [
            {
                "kind": "Service",
                "namespace": "shop",
                "name": "shop",
                "is_new": True,
                "difference": "+kind: Service",
            }
        ],
    }
