"""A release is migrated and tested where only the test cookie leads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from release.model import Stage
from tests.integration.line import Ended
from tests.integration.migrating import python

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy


def test_migrations_run_in_the_new_version_s_pod_and_their_output_is_kept(
    make_line: Callable[..., Line],
) -> None:
    line = make_line(
        migrate=[python("import os; print('migrating for', os.environ['TAG'])"), python("print('seeded')")]
    )

    release = line.deploy("v1-green")

    told = line.told(release).splitlines()
    assert release.state == "ready"
    lines = [one.text for one in line.store.log(release.id) if one.stage == "migrate"]
    lines = lines[next(index for index, text in enumerate(lines) if text.startswith("$ ")) :]
    assert lines[1:3] == ["migrating for v1-green", "exit code 0"]
    assert lines[4:6] == ["seeded", "exit code 0"]
    assert "(in shop-green-" in lines[0]
    assert told.index("seeded") > told.index("migrating for v1-green")


def test_a_failing_migration_stops_the_release_at_once(make_line: Callable[..., Line]) -> None:
    # given a second migration that fails
    line = make_line(migrate=[])
    line.go_live("v1-green")
    line.reconfigure(
        migrate=[
            python("print('first')"),
            python("import sys; print('no such table', file=sys.stderr); sys.exit(3)"),
            python("print('third')"),
        ]
    )

    # when the release is deployed
    release = line.push("v2-blue")
    ended = line.run()

    # then it ends there, with exit code and output, and users are where they were
    assert ended[-1].stage is Stage.MIGRATE
    problem = line.job().problem
    assert problem
    assert problem.slug == "migration-failed"
    assert "exit code 3" in problem.detail
    assert "no such table" in line.told(release)
    assert "third" not in line.told(release).splitlines()
    assert line.state(release) == "failed"
    line.expect("v1-green")


def test_a_migration_that_can_t_be_started_is_told(make_line: Callable[..., Line]) -> None:
    line = make_line(migrate=[["no-such-program"]])

    line.push("v1-green")
    line.run()

    assert line.slug() == "command-not-started"


def test_smoke_tests_ask_the_test_color_while_users_are_elsewhere(make_line: Callable[..., Line]) -> None:
    check = {
        "path": "/",
        "json_equals": {"tag": "v2-blue", "color": "blue"},
        "expect_headers": {"X-Tag": "v2-blue"},
    }
    line = make_line()
    line.go_live("v1-green")
    line.reconfigure(
        smoke={"requests": [check], "commands": [python("print('smoke without fire')")], "deadline": 3}
    )

    release = line.deploy("v2-blue")

    assert release.state == "ready", line.told(release)
    assert "smoke without fire" in line.told(release)
    line.expect("v1-green")


def test_a_check_is_tried_until_it_passes(make_line: Callable[..., Line]) -> None:
    line = make_line(smoke={"requests": [{"path": "/flaky"}], "deadline": 10, "interval": 0.05})

    release = line.deploy("v1-green", flaky=2)

    assert release.state == "ready", line.told(release)
    assert line.told(release).count("GET /flaky: status 500, expected 200; tried again") == 2


@pytest.mark.parametrize(
    ("smoke", "slug", "found"),
    [
        ({"requests": [{"path": "/", "json_equals": {"tag": "v9"}}]}, "smoke-failed", "JSON tag: 'v1-green'"),
        ({"commands": [["false"]]}, "smoke-failed", "exit code 1"),
    ],
    ids=["json", "command"],
)
def test_a_check_that_never_passes_fails_the_release(
    make_line: Callable[..., Line], smoke: dict[str, Any], slug: str, found: str
) -> None:
    line = make_line(smoke={**smoke, "deadline": 0.5, "interval": 0.1})

    release = line.push("v1-green")
    ended = line.run()

    assert ended[-1].stage is Stage.SMOKE
    problem = line.job().problem
    assert problem
    assert problem.slug == slug
    assert found in problem.detail
    assert line.state(release) == "failed"
    # and nothing says that it has passed
    assert not line.get("Deployment", "green")["metadata"]["annotations"]["verdigris.dev/passed-template"]


def test_tests_of_another_color_s_pods_don_t_count(line: Line) -> None:
    """Somebody leads the test route to the live color: the tests would pass, about the wrong version."""
    line.go_live("v1-green")
    line.push("v2-blue")
    line.run(until=Stage.SMOKE)
    route = line.route()
    route[0]["route"][0]["destination"]["subset"] = "green"
    line.edit("VirtualService", {"spec": {"http": route}})

    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "route-changed"
    assert "leads to green, not to blue" in problem.detail


def test_a_route_that_changes_while_it_is_tested_fails_the_release(line: Line) -> None:
    line.push("v1-green")
    line.run(until=Stage.SMOKE)

    def change_default(told: str) -> None:
        if told == "GET /: passed":
            route = line.route()
            route[-1]["timeout"] = "1s"
            line.edit("VirtualService", {"spec": {"http": route}})

    result = line.run_stage(line.sent.offers.pop(), 3, around=line.interrupted(at_line=change_default))

    assert result.startswith("StageFailed: The route was changed")
    assert line.slug() == "route-changed"
    assert not line.get("Deployment", "green")["metadata"]["annotations"]["verdigris.dev/passed-template"]


def test_a_template_that_changes_while_it_is_tested_fails_the_release(line: Line) -> None:
    line.push("v1-green")
    line.run(until=Stage.SMOKE)

    def change_template(told: str) -> None:
        if told == "GET /: passed":
            template = {"metadata": {"annotations": {"by": "hand"}}}
            line.edit("Deployment", {"spec": {"template": template}}, "green")

    result = line.run_stage(line.sent.offers.pop(), 3, around=line.interrupted(at_line=change_template))

    assert result.startswith("StageFailed: The cluster does not run what was tested")
    assert line.slug() == "not-what-was-tested"


def test_a_failed_release_can_be_retried_from_the_beginning(make_line: Callable[..., Line]) -> None:
    line = make_line(migrate=[["false"]])
    release = line.push("v1-green")
    line.run()
    assert line.state(release) == "failed"

    line.reconfigure(migrate=[["true"]])
    line.take(line.requests.retry(release.id, actor=release.actor))
    ended = line.run()

    assert ended[-1] == Ended(Stage.SMOKE, "smoke passed")
    assert line.state(release) == "ready"


def test_answers_through_another_release_s_test_entry_don_t_count(make_line: Callable[..., Line]) -> None:
    """As long as a gateway has not followed the route, the cookie leads to what was there before."""
    line = make_line(smoke={"deadline": 0.3, "interval": 0.1})
    release = line.push("v1-green")
    line.run(until=Stage.SMOKE)
    route = line.route()
    assert route[0]["headers"]["response"]["set"] == {"x-verdigris-release": release.id}
    route[0]["headers"]["response"]["set"] = {"x-verdigris-release": "an-earlier-one"}
    line.edit("VirtualService", {"spec": {"http": route}})
    line.wait_for(
        lambda: line.find_signature(cookie="test=true") == "an-earlier-one", "the gateway follows the edit"
    )

    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "smoke-failed"
    assert "does not lead the test cookie to this release yet" in problem.detail
