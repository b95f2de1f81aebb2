"""Jobs as the API server takes them: what is filled in, what is refused, what a table shows."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.api.defaults import set_defaults
from sandbox.api.errors import ApiError
from sandbox.api.resources import get_resource
from sandbox.api.tables import make_table
from sandbox.api.validation import check_object
from sandbox.store import Object, clone

JOBS = get_resource("jobs.batch")
NOW = datetime(2026, 11, 23, 0, 1, tzinfo=UTC)


def job(policy: str = "Never", **spec: object) -> Object:
    pod = {"restartPolicy": policy, "containers": [{"name": "app", "image": "a:1"}]}
    made: Object = {
        "metadata": {"name": "migrate", "namespace": "shop"},
        "spec": {"template": {"spec": pod}, **spec},
    }
    return set_defaults(JOBS, made)


def test_what_is_left_out_is_filled_in() -> None:
    spec = job()["spec"]

    given = {
        name: spec[name]
        for name in ("backoffLimit", "completions", "parallelism", "completionMode", "suspend")
    }
    assert given == {
        "backoffLimit": 6,
        "completions": 1,
        "parallelism": 1,
        "completionMode": "NonIndexed",
        "suspend": False,
    }
    assert spec["selector"] == {"matchLabels": {"batch.kubernetes.io/job-name": "migrate"}}
    assert spec["template"]["metadata"]["labels"]["job-name"] == "migrate"


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_a_pod_that_may_end_is_taken(policy: str) -> None:
    check_object(JOBS, job(policy), old=None)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            {"policy": "Always"},
            'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
        ),
        ({"backoffLimit": -1}, "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"),
    ],
)
def test_what_no_job_can_be_is_refused(changes: dict[str, Any], found: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_object(JOBS, job(**changes), old=None)

    assert caught.value.details
    causes = [f"{cause['field']}: {cause['message']}" for cause in caught.value.details["causes"]]
    assert causes == [found]


@pytest.mark.parametrize("field", ["completions", "template"])
def test_what_it_runs_can_t_be_changed(field: str) -> None:
    old = job()
    new = clone(old)
    new["spec"][field] = 2 if field == "completions" else clone(job("OnFailure")["spec"]["template"])

    with pytest.raises(ApiError) as caught:
        check_object(JOBS, new, old=old)

    assert caught.value.details
    assert [cause["field"] for cause in caught.value.details["causes"]] == [f"spec.{field}"]


@pytest.mark.parametrize(
    ("status", "cells"),
    [
        ({}, ["migrate", "Running", "0/1", "", "60s"]),
        ({"startTime": "2026-11-23T00:00:30Z"}, ["migrate", "Running", "0/1", "30s", "60s"]),
        (
            {
                "startTime": "2026-11-23T00:00:30Z",
                "completionTime": "2026-11-23T00:00:40Z",
                "succeeded": 1,
                "conditions": [{"type": "Complete", "status": "True"}],
            },
            ["migrate", "Complete", "1/1", "10s", "60s"],
        ),
    ],
)
def test_a_table_shows_how_far_it_is(status: Object, cells: list[str]) -> None:
    shown = {**job(), "status": status}
    shown["metadata"]["creationTimestamp"] = "2026-11-23T00:00:00Z"

    table = make_table(JOBS, [shown], "1", now=NOW)

    assert table["rows"][0]["cells"][:5] == cells
