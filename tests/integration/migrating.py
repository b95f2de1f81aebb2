"""Migrations of a line's app that can be told apart, and what is kept of them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from cluster import objects
from cluster.kinds import Ref

if TYPE_CHECKING:
    from release.model import Release
    from tests.integration.line import Line

LOUD: Final = "import os; print('migrating', os.environ['TAG'])"


def python(code: str) -> list[str]:
    """A command that runs the code, without the time that ``site`` takes."""
    return [sys.executable, "-S", "-c", code]


def ledger(line: Line) -> dict[str, dict[str, Any]]:
    """What stands in the cluster, as ``kubectl get configmap`` shows it."""
    found = objects.find(line.cluster, Ref("ConfigMap", line.namespace, "verdigris-shop-migrations"))
    data = (found or {}).get("data") or {}
    return {release: json.loads(text) for release, text in data.items()}


def migrate_lines(line: Line, release: Release) -> list[str]:
    """What the release's log has of its migration."""
    return [one.text for one in line.store.log(release.id, limit=10_000) if one.stage == "migrate"]
