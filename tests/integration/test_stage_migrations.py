"""When a migration runs, how often, and what is kept of it: commands in a pod, and a Job."""

from __future__ import annotations

import base64
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from cluster import objects
from cluster.connection import Body
from cluster.kinds import Ref
from release.model import Migration, MigrationState, Stage
from tests.integration.line import ANNA
from tests.integration.migrating import LOUD, ledger, migrate_lines, python
from tests.integration.tagging import push_saying, retag

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.model import Release
    from sandbox.store import Object
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy


def count(line: Line, release: Release, text: str) -> int:
    return migrate_lines(line, release).count(text)


# How it is declared


def test_a_release_says_nothing_and_its_migration_runs_in_its_deploy(make_line: Callable[..., Line]) -> None:
    line = make_line(migrate=[python(LOUD)])

    release = line.deploy("v1-green")

    assert release.state == "ready", line.told(release)
    assert count(line, release, "migrating v1-green") == 1
    assert (release.migration.kind, release.migration.state) == (Migration.EXPAND, MigrationState.PASSED)
    assert release.migration.at
    entry = ledger(line)[release.id]
    assert (entry["tag"], entry["migration"], entry["state"]) == ("v1-green", "expand", "passed")


def test_a_tag_that_says_none_passes_the_migration_over(make_line: Callable[..., Line]) -> None:
    line = make_line(migrate=[python(LOUD)])

    release = push_saying(line, "v1-green", "Only words\n\nNothing in the schema.\n\nMigration: none")
    line.run()

    assert line.state(release) == "ready", line.told(release)
    assert "passed over: this release has no migration" in migrate_lines(line, release)
    assert count(line, release, "migrating v1-green") == 0
    assert line.release(release.id).migration.kind is Migration.NONE


def test_a_tag_that_says_contract_is_ready_without_it(make_line: Callable[..., Line]) -> None:
    line = make_line(migrate=[python(LOUD)])

    release = push_saying(line, "v1-green", "Migration: contract")
    line.run()

    assert line.state(release) == "ready", line.told(release)
    assert count(line, release, "migrating v1-green") == 0
    record = line.release(release.id).migration
    assert (record.kind, record.state) == (Migration.CONTRACT, MigrationState.PENDING)
    assert ledger(line)[release.id]["state"] == "pending"
    assert "it is not run now, as blue may need what it takes away" in line.told(release)


def test_the_app_says_it_where_the_tag_does_not(make_line: Callable[..., Line]) -> None:
    line = make_line(migrate=[python(LOUD)], migration="none")

    release = line.deploy("v1-green")

    assert release.migration.kind is Migration.NONE
    assert "migration: none, as the app's configuration says" in line.told(release)


def test_a_word_that_is_none_of_the_three_is_refused(make_line: Callable[..., Line]) -> None:
    line = make_line(migrate=[python(LOUD)])

    release = push_saying(line, "v1-green", "Migration: shrink")
    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "migration-unknown"
    assert "`Migration: shrink`; it can be one of none, expand, contract" in problem.detail
    assert count(line, release, "migrating v1-green") == 0


def test_an_app_without_a_migration_never_asks_for_the_message(line: Line) -> None:
    release = push_saying(line, "v1-green", "Migration: shrink")
    line.run()

    assert line.state(release) == "ready"
    assert ledger(line) == {}


# Once per release


def fail_first(place: str) -> list[str]:
    """A command that fails once, and remembers that outside of every pod."""
    remember = f"there = os.path.exists({place!r}); open({place!r}, 'a').close()"
    return python(f"import os, sys; {remember}; sys.exit(not there)")


def test_a_retry_says_that_it_ran_and_does_not_run_it_again(
    make_line: Callable[..., Line], tmp_path: object
) -> None:
    line = make_line(
        migrate=[python(LOUD)], smoke={"commands": [fail_first(f"{tmp_path}/once")], "deadline": 5}
    )
    release = line.push("v1-green")
    line.run()
    assert line.slug() == "smoke-failed"

    line.take(line.requests.retry(release.id, actor=ANNA))
    line.run()

    assert line.state(release) == "ready", line.told(release)
    assert count(line, release, "migrating v1-green") == 1
    told = next(text for text in migrate_lines(line, release) if "it is not run again" in text)
    assert told.startswith("the migration of v1-green ran at 20")
    assert told.endswith("UTC (exit code 0); it is not run again")


def test_a_repeatable_one_runs_at_each_retry(make_line: Callable[..., Line], tmp_path: object) -> None:
    line = make_line(
        migrate=[python(LOUD)],
        migrate_repeatable=True,
        smoke={"commands": [fail_first(f"{tmp_path}/once")], "deadline": 5},
    )
    release = line.push("v1-green")
    line.run()
    line.take(line.requests.retry(release.id, actor=ANNA))
    line.run()

    assert line.state(release) == "ready", line.told(release)
    assert count(line, release, "migrating v1-green") == 2


def test_what_had_passed_of_a_failed_one_is_not_run_again(
    make_line: Callable[..., Line], tmp_path: object
) -> None:
    line = make_line(migrate=[python(LOUD), fail_first(f"{tmp_path}/once")])
    release = line.push("v1-green")
    line.run()
    assert line.slug() == "migration-failed"
    assert ledger(line)[release.id]["state"] == "failed"
    assert line.release(release.id).migration.state is MigrationState.FAILED

    line.take(line.requests.retry(release.id, actor=ANNA))
    line.run()

    assert line.state(release) == "ready", line.told(release)
    assert count(line, release, "migrating v1-green") == 1
    assert any("ran already (exit code 0)" in text for text in migrate_lines(line, release))


def test_with_redis_emptied_the_cluster_still_knows_that_it_ran(make_line: Callable[..., Line]) -> None:
    # given a release whose migration ran, and a Redis that knows nothing of that
    line = make_line(migrate=[python(LOUD)])
    release = line.deploy("v1-green")
    line.redis.hdel(f"verdigris:release:{release.id}", "migration", "migration_state", "migration_at")
    assert line.release(release.id).migration.kind is None

    # when the same commit is deployed again
    again = line.take(line.requests.redeploy(release.id, actor=ANNA))
    line.run()

    # then it is not run again
    assert line.state(again) == "ready", line.told(again)
    assert "the migration of v1-green ran at " in line.told(again)
    assert count(line, again, "migrating v1-green") == 0
    assert ledger(line)[again.id]["state"] == "passed"


def test_a_lost_one_is_failed_and_a_person_s_retry_runs_it_again(make_line: Callable[..., Line]) -> None:
    # given a worker that dies in the middle of the migration
    line = make_line(migrate=[python(LOUD)])
    release = line.push("v1-green")
    line.run(until=Stage.MIGRATE)
    offer = line.sent.offers.pop()

    def die(told: str) -> None:
        if told == "migrating v1-green":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        line.run_stage(offer, 2, around=line.interrupted(at_line=die))
    assert ledger(line)[release.id]["state"] == "running"

    # when another one takes over
    line.sent.send(line.lose())
    line.run()

    # then it is failed, and says how to go on
    problem = line.job().problem
    assert problem
    assert problem.slug == "stage-lost"
    assert f"verdigris retry {release.id}" in problem.next_step

    # and who retries it has decided
    line.take(line.requests.retry(release.id, actor=ANNA))
    line.run()
    assert line.state(release) == "ready", line.told(release)
    assert "it is run again, as person:anna asked for it" in line.told(release)


def test_a_redeploy_is_of_the_kind_that_it_was(make_line: Callable[..., Line]) -> None:
    line = make_line(migrate=[python(LOUD)])
    first = push_saying(line, "v1-green", "Migration: none")
    line.run()
    retag(line, "v1-green", "Migration: contract")

    again = line.take(line.requests.redeploy(first.id, actor=ANNA))
    line.run()

    assert line.release(again.id).migration.kind is Migration.NONE, line.told(again)


# As a Job


def job_manifest(code: str, **spec: object) -> str:
    """What a team writes into ``manifests/migrate.yml``."""
    container = {"name": "migrate", "image": "{{ image }}", "command": [sys.executable, "-S", "-c", code]}
    container["env"] = [{"name": "TAG", "value": "{{ tag }}"}]
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "{{ app }}-migrate"},
        "spec": {"backoffLimit": 0, "template": template, **spec},
    }
    return yaml.safe_dump(job)


def with_job(line: Line, code: str, **spec: object) -> dict[str, str]:
    return {**line.default_manifests(), "manifests/migrate.yml": job_manifest(code, **spec)}


def jobs_of(line: Line) -> list[Object]:
    return objects.list_objects(line.cluster, "Job", line.namespace)[0]


@pytest.fixture
def job_line(make_line: Callable[..., Line]) -> Line:
    return make_line(migrate_job="migrate.yml")


def test_a_job_runs_to_its_end_and_what_it_prints_is_kept(job_line: Line) -> None:
    line = job_line

    release = line.deploy("v1-green", files=with_job(line, f"{LOUD}; print('done')"))

    assert release.state == "ready", line.told(release)
    (job,) = jobs_of(line)
    assert job["metadata"]["name"] == f"shop-migrate-{release.id.lower()}"
    assert job["metadata"]["labels"] == {"color": "green", "workflow": release.id}
    lines = migrate_lines(line, release)
    assert [text for text in lines if text in {"migrating v1-green", "done"}] == [
        "migrating v1-green",
        "done",
    ]
    assert any(
        "CompletionsReached: Reached expected number of succeeded pods; exit code 0" in text for text in lines
    )
    assert ledger(line)[release.id]["state"] == "passed"
    # and its pods are none of the release's own, nor users'
    pods, _ = objects.list_objects(line.cluster, "Pod", line.namespace, labels=f"workflow={release.id}")
    assert all("job-name" not in pod["metadata"]["labels"] for pod in pods)


def test_a_job_that_fails_stops_the_release_and_a_retry_makes_another(
    job_line: Line, tmp_path: object
) -> None:
    line = job_line
    code = fail_first(f"{tmp_path}/once")[-1]
    release = line.push("v1-green", files=with_job(line, f"print('one try'); {code}"))
    line.run()
    problem = line.job().problem
    assert problem
    assert problem.slug == "migration-failed"
    assert "BackoffLimitExceeded: Job has reached the specified backoff limit; exit code 1" in problem.detail
    assert count(line, release, "one try") == 1

    line.take(line.requests.retry(release.id, actor=ANNA))
    line.run()

    assert line.state(release) == "ready", line.told(release)
    first, second = sorted(job["metadata"]["name"] for job in jobs_of(line))
    assert second == f"{first}-2"
    assert count(line, release, "one try") == 2


def test_its_back_off_limit_is_honored(job_line: Line, tmp_path: object) -> None:
    line = job_line
    code = f"print('one try'); {fail_first(f'{tmp_path}/once')[-1]}"

    release = line.deploy("v1-green", files=with_job(line, code, backoffLimit=1))

    assert release.state == "ready", line.told(release)
    assert count(line, release, "one try") == 2
    assert len(jobs_of(line)) == 1


def test_a_job_whose_worker_was_lost_is_followed_by_the_next(job_line: Line, tmp_path: object) -> None:
    # given a Job that waits for a sign, and a worker that dies after it began
    line, sign = job_line, f"{tmp_path}/sign"
    wait = f"while not os.path.exists({sign!r}): time.sleep(0.02)"
    code = f"import os, time\nprint('begun', flush=True)\n{wait}\nprint('over')"
    release = line.push("v1-green", files=with_job(line, code))
    line.run(until=Stage.MIGRATE)
    offer = line.sent.offers.pop()
    died: list[str] = []

    def die(told: str) -> None:
        if told.startswith("pods: ") and not died:
            died.append(told)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        line.run_stage(offer, 2, around=line.interrupted(at_line=die))

    # when another one takes over, and the Job ends
    line.redis.hset(f"verdigris:job:{offer.job_id}", "once", "")
    open(sign, "w").close()  # noqa: PTH123 -- a sign
    line.sent.send(line.lose())
    line.run()

    # then there was one Job, and the release is ready
    assert line.state(release) == "ready", line.told(release)
    assert len(jobs_of(line)) == 1
    assert "stands there already; it is followed on" in line.told(release)
    assert "over" in migrate_lines(line, release)


def test_a_job_that_does_not_end_in_time_is_told_and_goes_on(make_line: Callable[..., Line]) -> None:
    line = make_line(migrate_job="migrate.yml", deadlines={"rollout": 20, "image_wait": 0.5, "command": 1})
    line.push("v1-green", files=with_job(line, "import time; time.sleep(60)", activeDeadlineSeconds=60))
    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "command-deadline"
    assert "not over after 1 s" in problem.detail
    (job,) = jobs_of(line)
    assert "conditions" not in job["status"]
    line.by_hand(
        "DELETE",
        Ref("Job", line.namespace, job["metadata"]["name"]),
        Body({"propagationPolicy": "Background"}),
    )


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda job: job["spec"]["template"].update(metadata={"labels": {"app": "shop"}}),
            "would send users",
        ),
        (lambda job: job["metadata"].update(namespace="other"), "names another namespace"),
        (lambda job: job.update(kind="CronJob"), "must hold one Job of batch/v1"),
        (lambda job: job["metadata"].update(name="a" * 40), "may have 32 characters"),
    ],
    ids=["labels", "namespace", "kind", "name"],
)
def test_a_job_that_can_t_be_one_is_refused_before_anything_is_touched(
    job_line: Line, change: Callable[[Object], object], found: str
) -> None:
    line = job_line
    job = yaml.safe_load(job_manifest("pass"))
    change(job)

    line.push("v1-green", files={**line.default_manifests(), "manifests/migrate.yml": yaml.safe_dump(job)})
    ended = line.run()

    assert ended[-1].stage is Stage.SANITY
    problem = line.job().problem
    assert problem
    assert problem.slug == "manifests-invalid"
    assert found in problem.detail


def test_a_job_that_is_not_in_the_repository_is_told(job_line: Line) -> None:
    job_line.push("v1-green", files=job_line.default_manifests())
    job_line.run()

    assert job_line.slug() == "manifest-missing"


# Secrets that only the cluster knows

MARK = "s3cr3t-mark"


def secret(name: str) -> Object:
    values = {"DB_PASSWORD": f"{MARK}-of-the-cluster", "LINES": f"one {MARK}\ntwo {MARK}"}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


PRINT_ALL = "import os; print(os.environ); print(os.environ['LINES']); raise SystemExit(1)"


@pytest.mark.parametrize("where", ["commands", "job", "smoke"])
def test_what_pods_get_from_kubernetes_secrets_is_in_no_log(
    make_line: Callable[..., Line], where: str
) -> None:
    settings: dict[str, dict[str, object]] = {
        "commands": {"migrate": [python(PRINT_ALL)]},
        "job": {"migrate_job": "migrate.yml"},
        "smoke": {"smoke": {"commands": [python(PRINT_ALL)]}},
    }
    line = make_line(env_from={"green": ["env-green"], "blue": ["env-blue"]}, **settings[where])
    line.create(secret("env-green"))
    job = yaml.safe_load(job_manifest(PRINT_ALL))
    job["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "env-green"}}]
    files = {**line.default_manifests(), "manifests/migrate.yml": yaml.safe_dump(job)}

    release = line.push("v1-green", files=files)
    line.run()

    assert line.slug() == ("smoke-failed" if where == "smoke" else "migration-failed")
    container = line.get("Deployment", "green")["spec"]["template"]["spec"]["containers"][0]
    assert container["envFrom"] == [{"secretRef": {"name": "env-green"}}]
    assert "[redacted]" in line.told(release)
    assert MARK not in line.told(release)
    assert MARK not in repr(line.job())
