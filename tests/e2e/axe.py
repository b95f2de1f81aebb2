"""What axe-core finds wrong with a page, in words."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.sync_api import Page

SOURCE: Final = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN: Final = (
    """rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})"""
)


def faults_of(page: Page) -> list[str]:
    """Whatever their weight. The script comes through the debugger: the page's policy stays as it is."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(SOURCE)
    found: list[dict[str, Any]] = page.evaluate(RUN, RULES)["violations"]
    return [
        f"{one['id']} ({one['impact']}): {' '.join(map(str, node['target']))}: "
        + " ".join(node["failureSummary"].split())
        for one in found
        for node in one["nodes"]
    ]
