"""A contract migration runs once, when no older version runs any more, in a pod of what is live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from release.model import Migration, MigrationState, Stage
from release.plan import celery_queue
from release.secret import Secret
from tests.integration.line import ANNA
from tests.integration.migrating import LOUD, ledger, migrate_lines, python
from tests.integration.tagging import push_saying
from webhook.application import create_app
from webhook.services import WebSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.model import Job, Release
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy


def go_live_contracting(line: Line, tag: str) -> Release:
    """Deploy and promote a release whose migration is contract."""
    release = push_saying(line, tag, f"{tag}\n\nMigration: contract")
    line.run()
    assert line.state(release) == "ready", line.told(release)
    assert line.promote(release.id).state == "done"
    return line.release(release.id)


def shown(line: Line) -> dict[str, Any]:
    """What the API tells of the app."""
    config = line.config.model_copy(update={"public_read": True})
    key = Secret("a-key-of-at-least-32-characters-for-tests")
    web = create_app(config, line.store, line.requests, secret_key=key, settings=WebSettings())
    answer = web.test_client().get("/api/v1/apps/shop").json
    assert isinstance(answer, dict)
    return answer


@pytest.fixture
def line(make_line: Callable[..., Line]) -> Line:
    return make_line(migrate=[python(LOUD)])


def stages(job: Job) -> list[str]:
    return [run.stage.value for run in job.stages]


def test_it_runs_after_the_decommission_in_the_live_pod(line: Line) -> None:
    # given v2 live, whose contract migration is due, and v1 on standby
    first = line.go_live("v1-green")
    second = go_live_contracting(line, "v2-blue")
    safety = shown(line)["rollback_safe"]
    assert safety["safe"] is True
    assert "runs the contract migration of v2-blue" in safety["why"]
    assert "migrating v2-blue" not in migrate_lines(line, second)

    # when the other color goes away
    job = line.decommission()

    # then it ran, in a pod of the color that is live, and its output stands in its release's log
    assert job.state == "done", job.problem
    assert stages(job) == ["decommission", "migrate"]
    assert migrate_lines(line, second).count("migrating v2-blue") == 1
    assert any("(in shop-blue-" in text for text in migrate_lines(line, second))
    assert "migrating v2-blue" not in migrate_lines(line, first)
    assert any(f"is in the log of release {second.id}" in text for text in migrate_lines(line, first))
    record = line.release(second.id).migration
    assert (record.kind, record.state) == (Migration.CONTRACT, MigrationState.PASSED)
    assert ledger(line)[second.id]["state"] == "passed"
    # and from its beginning on there is no safe way back
    safety = shown(line)["rollback_safe"]
    assert safety["safe"] is False
    assert record.at
    assert safety["since"] == record.at.isoformat(timespec="milliseconds")
    assert "the contract migration of v2-blue began at" in safety["why"]


def test_it_runs_once(line: Line) -> None:
    line.go_live("v1-green")
    second = go_live_contracting(line, "v2-blue")
    assert line.decommission().state == "done"

    again = line.decommission()

    assert again.state == "done"
    assert stages(again) == ["decommission"]
    assert migrate_lines(line, second).count("migrating v2-blue") == 1


def test_where_redis_forgot_it_the_cluster_still_knows(line: Line) -> None:
    line.go_live("v1-green")
    second = go_live_contracting(line, "v2-blue")
    line.redis.hdel(f"verdigris:release:{second.id}", "migration", "migration_state", "migration_at")

    assert line.decommission().state == "done"

    assert migrate_lines(line, second).count("migrating v2-blue") == 1
    assert line.release(second.id).migration.state is MigrationState.PASSED


def test_a_release_that_expands_has_nothing_to_run_then(line: Line) -> None:
    line.go_live("v1-green")
    second = line.go_live("v2-blue")

    job = line.decommission()

    assert (job.state, stages(job)) == ("done", ["decommission"])
    assert migrate_lines(line, second).count("migrating v2-blue") == 1


def test_one_that_fails_fails_the_job_and_is_run_by_the_next_decommission(
    make_line: Callable[..., Line], tmp_path: object
) -> None:
    # given a contract migration that fails once
    place = f"{tmp_path}/once"
    remember = f"there = os.path.exists({place!r}); open({place!r}, 'a').close()"
    line = make_line(
        migrate=[python(f"import os, sys; print('try'); {remember}; sys.exit(not there)")], migration="none"
    )
    line.go_live("v1-green")
    second = go_live_contracting(line, "v2-blue")

    # when the other color goes away
    job = line.decommission()

    # then the color is gone, the release stays live, and it is said how to go on
    assert (job.state, line.slug()) == ("failed", "migration-failed")
    assert job.problem
    assert "`verdigris decommission shop` again" in job.problem.next_step
    assert line.find("Deployment", "green") is None
    assert line.state(second) == "live"
    assert line.release(second.id).migration.state is MigrationState.FAILED
    assert shown(line)["rollback_safe"]["safe"] is False
    assert any("A migration command failed" in text for text in migrate_lines(line, second))

    # and asked again it runs
    assert line.decommission().state == "done"
    assert line.release(second.id).migration.state is MigrationState.PASSED
    assert migrate_lines(line, second).count("try") == 2


def test_a_lost_one_is_not_repeated_by_a_worker(line: Line) -> None:
    line.go_live("v1-green")
    second = go_live_contracting(line, "v2-blue")
    line.accepted = line.requests.decommission("shop", actor=ANNA)
    line.run(until=Stage.MIGRATE)
    offer = line.sent.offers.pop()

    def die(told: str) -> None:
        if told == "migrating v2-blue":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        line.run_stage(offer, 1, around=line.interrupted(at_line=die))
    line.sent.send(line.lose())
    line.run()

    assert line.slug() == "stage-lost"
    # a person decides
    assert line.decommission().state == "done", line.job().problem
    assert line.release(second.id).migration.state is MigrationState.PASSED


def test_after_a_rollback_it_is_not_run_and_is_given_up_with_its_pods(line: Line) -> None:
    first = line.go_live("v1-green")
    second = go_live_contracting(line, "v2-blue")
    assert line.rollback().state == "done", line.job().problem

    job = line.decommission()

    assert job.state == "done", job.problem
    assert line.state(first) == "live"
    assert "migrating v2-blue" not in migrate_lines(line, second) + migrate_lines(line, first)
    assert ledger(line)[second.id]["state"] == "given-up"
    assert line.release(second.id).migration.state is MigrationState.GIVEN_UP
    assert "pending contract migration of v2-blue was never run and is given up" in line.told(second)


def test_a_later_release_is_told_of_one_that_never_ran(line: Line) -> None:
    # given v2 live, whose contract migration is due
    line.go_live("v1-green")
    second = go_live_contracting(line, "v2-blue")

    # when a later one takes the other color and goes live
    third = line.go_live("v3-green")

    # then its log says so
    assert "warning: pending contract migration of v2-blue was never run. It can be" in line.told(third)
    assert ledger(line)[second.id]["state"] == "pending"
    # and the next one, which takes v2's color, gives it up
    fourth = line.deploy("v4-blue")
    assert "pending contract migration of v2-blue was never run and is given up" in line.told(fourth)
    assert line.release(second.id).migration.state is MigrationState.GIVEN_UP
    assert migrate_lines(line, fourth).count("migrating v4-blue") == 1


def test_an_older_release_that_is_deployed_again_is_warned_of(line: Line) -> None:
    first = line.go_live("v1-green")
    go_live_contracting(line, "v2-blue")
    assert line.decommission().state == "done"

    again = line.take(line.requests.redeploy(first.id, actor=ANNA))
    line.run()

    assert line.state(again) == "ready", line.told(again)
    assert "the code of this release is older and may not work with what it left" in line.told(again)
    assert any("the code of this release is older" in text for text in line.release(again.id).warnings)
    assert line.promote(again.id).state == "done", line.job().problem
    # v2, which is on standby then, is safe to go back to
    assert shown(line)["rollback_safe"]["safe"] is True
    # v1, once v2 was promoted over it, is not
    assert line.rollback().state == "done"


def test_it_waits_for_a_worker_of_releases_so_that_no_emergency_waits_for_it(line: Line) -> None:
    line.go_live("v1-green")
    go_live_contracting(line, "v2-blue")

    line.accepted = line.requests.decommission("shop", actor=ANNA)

    offer = line.sent.offers[-1]
    assert [celery_queue(offer.kind, stage) for stage in offer.stages] == ["switches", "releases"]


def test_who_deploys_the_older_one_again_by_hand_stops_it(line: Line) -> None:
    line.go_live("v1-green")
    second = go_live_contracting(line, "v2-blue")
    before = line.get("Deployment", "green")
    line.accepted = line.requests.decommission("shop", actor=ANNA)
    line.run(until=Stage.MIGRATE)
    metadata = {name: before["metadata"][name] for name in ("name", "labels", "annotations")}
    line.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": before["spec"]})

    line.run()

    assert line.slug() == "contract-too-early"
    assert "migrating v2-blue" not in migrate_lines(line, second)
