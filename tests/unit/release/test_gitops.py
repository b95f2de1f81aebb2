"""Who it was, and how each tool is told to leave the switch alone."""

from __future__ import annotations

import pytest

from release.gitops import ADVICE, NOBODY, advise, tell_who
from release.others import Tool, Writer


@pytest.mark.parametrize(
    ("writer", "expected"),
    [
        (None, "somebody whom the cluster does not name"),
        (Writer("kubectl-edit"), "kubectl-edit"),
        (Writer("kubectl-edit", "Update"), "kubectl-edit (Update)"),
        (Writer("argocd-controller", "Apply", None, Tool.ARGO_CD), "Argo CD, as argocd-controller (Apply),"),
        (
            Writer("kubectl", "Apply", None, Tool.HELM, is_by_mark=True),
            "kubectl (Apply), on an object that bears the marks of Helm,",
        ),
    ],
)
def test_who_it_was_is_told_as_far_as_it_is_known(writer: Writer | None, expected: str) -> None:
    assert tell_who(writer) == expected


def test_every_tool_has_its_advice() -> None:
    assert set(ADVICE) == set(Tool)
    for tool in Tool:
        assert advise(Writer("x", tool=tool)) == ADVICE[tool]
    assert advise(None) == advise(Writer("kubectl-edit")) == NOBODY
