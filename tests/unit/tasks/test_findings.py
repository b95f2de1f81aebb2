"""Findings: one cause keeps its name, several are told as one."""

from __future__ import annotations

import pytest

from release.problems import Problem, ProblemDocument
from tasks.findings import Finding, Findings

QUOTA = Finding("quota-too-small", "No room", "ResourceQuota in shop: pods", "raise the quota")
SERVICE = Finding("dry-run-refused", "Refused", "Service shop: no port", "correct it")
DEPLOYMENT = Finding("dry-run-refused", "Refused", "Deployment shop-blue: no image", "correct it")


def findings(*found: Finding) -> Findings:
    made = Findings("shop v2-blue")
    made.add(*found)
    return made


def refusal(*found: Finding) -> ProblemDocument:
    with pytest.raises(Problem) as caught:
        findings(*found).check()
    return caught.value.document


def test_nothing_found_refuses_nothing() -> None:
    made = findings()
    made.warn(QUOTA)

    made.check()

    assert made.warnings == [QUOTA]


def test_one_finding_is_told_under_its_own_name() -> None:
    assert refusal(QUOTA) == ProblemDocument(
        "quota-too-small", "No room", "shop v2-blue: ResourceQuota in shop: pods", "raise the quota", 409
    )


def test_several_of_one_kind_keep_the_name_and_tell_each() -> None:
    document = refusal(SERVICE, DEPLOYMENT)

    assert document.slug == "dry-run-refused"
    assert document.detail == "shop v2-blue: Service shop: no port\nDeployment shop-blue: no image"
    assert document.next_step == "correct it"


def test_several_kinds_are_one_refusal_that_lists_each_with_what_to_do() -> None:
    document = refusal(SERVICE, QUOTA)

    assert document.slug == "sanity-refused"
    assert document.detail.splitlines() == [
        "shop v2-blue: 2 findings; nothing was touched",
        "1. Refused (dry-run-refused): Service shop: no port",
        "   What to do: correct it",
        "2. No room (quota-too-small): ResourceQuota in shop: pods",
        "   What to do: raise the quota",
    ]
    assert "`verdigris plan shop v2-blue`" in document.next_step


def test_the_same_finding_is_told_once() -> None:
    assert findings(SERVICE, SERVICE).told() == [SERVICE]


def test_a_missing_right_explains_what_was_forbidden() -> None:
    forbidden = Finding("cluster-forbidden", "Forbidden", "can't", "ask")
    missing = Finding("permission-missing", "Rights", "may not", "bind")

    assert findings(forbidden, missing).told() == [missing]
    assert findings(forbidden).told() == [forbidden]


@pytest.mark.parametrize("detail", ["shop: it is gone", "shop v2-blue: it is gone", "it is gone"])
def test_a_check_that_refuses_becomes_a_finding_which_names_the_app_once(detail: str) -> None:
    made = findings()

    with made.collecting():
        raise Problem("tag-moved", "Moved", detail=detail, next_step="push", status=422)

    assert made.has("tag-moved", "tag-missing")
    assert not made.has("tag-missing")
    with pytest.raises(Problem, match="shop v2-blue: it is gone") as caught:
        made.check()
    assert caught.value.document.detail == "shop v2-blue: it is gone"
    assert caught.value.document.status == 422


@pytest.mark.parametrize("slug", ["cluster-unavailable", "cluster-unauthorized"])
def test_after_a_cluster_that_can_t_be_asked_no_check_goes_on(slug: str) -> None:
    made = findings()

    with pytest.raises(Problem), made.collecting():
        raise Problem(slug, "Away", detail="no answer", next_step="wait")

    assert made.refusals == []


def test_other_errors_are_not_taken_for_findings() -> None:
    with pytest.raises(KeyError), findings().collecting():
        raise KeyError


def test_secrets_are_taken_out_of_all_that_is_told() -> None:
    made = findings(Finding("a", "A", "x is hidden", "change x"))
    made.warn(Finding("b", "B", "x", "y"))

    shown = made.redacted(lambda text: text.replace("x", "*"))

    assert [one.detail for one in (*shown.refusals, *shown.warnings)] == ["* is hidden", "*"]
    assert shown.refusals[0].next_step == "change *"
    assert shown.refusals[0].as_json() == {
        "slug": "a",
        "title": "A",
        "detail": "* is hidden",
        "next_step": "change *",
    }
