"""Releases that wait for CI or their image: in nobody's way, let in by who sees first that it is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from release.ci import Check, CheckState, find_missing
from release.loading import parse_config
from release.model import JobState, StartWhen, State
from release.problems import NotDurable
from release.requests import Requests
from tests.unit.release.desk import ANNA, GIT, Desk, refused, step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from release.queue import Queue
    from release.redis_access import Client
    from release.requests import Accepted
    from release.store import Store

CONFIG = """
apps:
  shop:
    repository: https://git.example.com/acme/shop.git
    webhook: {repository: acme/shop, secrets: [{env: SHOP}]}
    namespace: shop
    image: registry.example.com/shop:{tag}
    gateway: {address: "http://gateway.example.com"}
    start_when: ci-passed
    required_checks: [build, test]
    deadlines: {start: 30m}
    queue: shared
  news:
    repository: https://git.example.com/acme/news.git
    namespace: news
    image: registry.example.com/news:{tag}
    gateway: {address: "http://gateway.example.com"}
    start_when: image-exists
    when_newer: cancel-queued
    queue: shared
  docs:
    repository: https://git.example.com/acme/docs.git
    namespace: docs
    image: registry.example.com/docs:{tag}
    gateway: {address: "http://gateway.example.com"}
    queue: shared
"""

COMMIT = "c0ffee"
OTHER = "decade"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

PASSED, FAILED, PENDING = CheckState.PASSED, CheckState.FAILED, CheckState.PENDING


@pytest.fixture
def waiting(desk: Desk, store: Store, queue: Queue) -> Desk:
    """A desk whose shop waits for CI, and whose news wait for their image."""
    requests = Requests(parse_config(CONFIG, name="verdigris.yml"), store, queue, desk.sent)
    return Desk(requests, store, queue, desk.sent)


def push(desk: Desk, tag: str = "v1.0-blue", *, app: str = "shop", commit: str = COMMIT) -> Accepted:
    return desk.requests.deploy(app, tag, actor=GIT, commit=commit, delivery=f"delivery of {tag}")


def report(desk: Desk, *checks: Check, commit: str = COMMIT) -> list[str]:
    return desk.requests.note_checks("shop", commit, checks)


def state(desk: Desk, accepted: Accepted) -> tuple[State, JobState]:
    return desk.release(accepted).state, desk.job(accepted).state


def test_a_release_waits_for_ci_outside_its_queue(waiting: Desk) -> None:
    accepted = push(waiting)

    release, job = waiting.release(accepted), waiting.job(accepted)
    assert (release.state, release.start_when) == (State.WAITING, StartWhen.CI_PASSED)
    assert release.reason == "waiting for CI (not heard of: build, test)"
    assert job.state is JobState.WAITING
    assert job.start_by == job.created_at + timedelta(minutes=30)
    assert waiting.sent.offers == []


def test_it_is_in_nobody_s_way(waiting: Desk) -> None:
    push(waiting)

    behind = waiting.requests.deploy("docs", "v1.0-blue", actor=GIT)

    assert waiting.job(behind).state is JobState.OFFERED


def test_it_goes_into_its_queue_when_each_required_check_has_passed(waiting: Desk) -> None:
    accepted = push(waiting)

    assert report(waiting, Check("build", PASSED)) == []
    assert waiting.release(accepted).reason == "waiting for CI (not heard of: test)"
    assert report(waiting, Check("test", PASSED)) == [accepted.release_id]

    release, job = waiting.release(accepted), waiting.job(accepted)
    assert (release.state, release.reason) == (State.QUEUED, "CI has passed")
    assert release.start_when is StartWhen.PUSHED
    assert (job.state, job.start_by) == (JobState.OFFERED, None)
    assert [offer.job_id for offer in waiting.sent.offers] == [job.id]


def test_what_ci_says_twice_starts_it_once(waiting: Desk) -> None:
    push(waiting)

    both = [Check("build", PASSED), Check("test", PASSED)]
    assert len(report(waiting, *both)) == 1
    assert report(waiting, *both) == []

    assert len(waiting.sent.offers) == 1


def test_ci_that_passed_before_the_tag_came_lets_it_in_at_once(waiting: Desk) -> None:
    report(waiting, Check("build", PASSED), Check("test", PASSED))

    accepted = push(waiting)

    assert state(waiting, accepted) == (State.QUEUED, JobState.OFFERED)


def test_a_tag_stays_accepted_when_redis_goes_away_right_after(waiting: Desk) -> None:
    def lose_redis(job: object) -> None:
        assert job
        raise NotDurable("away", is_in_doubt=False)

    requests = waiting.when("find_job", lose_redis, config=CONFIG)
    accepted = requests.deploy("shop", "v1.0-blue", actor=GIT, commit=COMMIT)

    assert accepted.is_new
    assert state(waiting, accepted) == (State.WAITING, JobState.WAITING)


def test_checks_of_another_commit_count_for_nothing(waiting: Desk) -> None:
    accepted = push(waiting)

    assert report(waiting, Check("build", PASSED), Check("test", PASSED), commit=OTHER) == []

    assert state(waiting, accepted) == (State.WAITING, JobState.WAITING)


def test_checks_that_nobody_waits_for_are_not_kept(waiting: Desk, client: Client) -> None:
    assert report(waiting, Check("lint", PASSED)) == []
    assert waiting.requests.note_checks("docs", COMMIT, [Check("build", PASSED)]) == []

    assert client.keys("verdigris:checks:*") == []


def test_what_ci_said_of_a_commit_is_forgotten_in_the_end(waiting: Desk, client: Client) -> None:
    report(waiting, Check("build", PASSED))

    assert 29 * 86_400 < client.ttl(f"verdigris:checks:shop:{COMMIT}") <= 30 * 86_400


@pytest.mark.parametrize(
    ("words", "last"),
    [
        ([Check("build", FAILED, NOON), Check("build", PASSED, NOON + timedelta(minutes=5))], PASSED),
        ([Check("build", PASSED, NOON), Check("build", FAILED, NOON + timedelta(minutes=5))], FAILED),
        ([Check("build", PASSED, NOON + timedelta(minutes=5)), Check("build", FAILED, NOON)], PASSED),
        ([Check("build", PASSED, NOON), Check("build", PENDING, NOON)], PASSED),
        ([Check("build", PENDING, NOON), Check("build", PASSED, NOON)], PASSED),
        ([Check("build", PASSED), Check("build", FAILED)], FAILED),
        ([Check("build", FAILED, datetime(2999, 1, 1, tzinfo=UTC)), Check("build", PASSED)], PASSED),
    ],
    ids=["run again", "broken since", "late", "tie", "tie the other way", "no times", "from the future"],
)
def test_the_newest_word_on_a_check_counts_whatever_their_order(
    waiting: Desk, words: Sequence[Check], last: CheckState
) -> None:
    for word in words:
        report(waiting, word)

    assert waiting.store.checks("shop", COMMIT) == {"build": last}


def test_a_check_that_failed_is_told_and_a_later_run_still_starts_it(waiting: Desk) -> None:
    accepted = push(waiting)

    report(waiting, Check("build", FAILED, NOON), Check("test", PENDING, NOON))

    told = "waiting for CI (failed: build; not finished: test; a run that passes still starts it)"
    assert waiting.release(accepted).reason == told
    assert [line.text for line in waiting.store.log(accepted.release_id or "")][-1] == told
    later = NOON + timedelta(minutes=1)
    assert report(waiting, Check("build", PASSED, later), Check("test", PASSED, later)) == [
        accepted.release_id
    ]


def test_the_same_wait_is_told_once(waiting: Desk) -> None:
    accepted = push(waiting)

    for _ in range(3):
        report(waiting, Check("build", PENDING, NOON))

    lines = [line.text for line in waiting.store.log(accepted.release_id or "")]
    assert lines == [
        "waiting for CI (not heard of: build, test)",
        "waiting for CI (not finished: build; not heard of: test)",
    ]


def test_a_release_that_started_goes_behind_what_is_in_the_queue(waiting: Desk) -> None:
    accepted = push(waiting)
    first = waiting.requests.deploy("docs", "v1.0-blue", actor=GIT)
    second = waiting.requests.deploy("docs", "v1.0-green", actor=GIT)

    report(waiting, Check("build", PASSED), Check("test", PASSED))

    expected = [first.job_id, second.job_id, accepted.job_id]
    assert [job.id for job in waiting.store.queue("shared")] == expected


def test_a_delivery_sent_again_is_a_duplicate_while_it_waits(waiting: Desk) -> None:
    accepted = push(waiting)

    again = push(waiting)

    assert (again.release_id, again.is_new) == (accepted.release_id, False)


def test_an_image_is_waited_for_without_asking_ci(waiting: Desk) -> None:
    accepted = push(waiting, app="news")

    assert waiting.release(accepted).start_when is StartWhen.IMAGE_EXISTS
    assert state(waiting, accepted) == (State.WAITING, JobState.WAITING)
    assert waiting.job(accepted).start_by == waiting.job(accepted).created_at + timedelta(hours=1)


def test_a_newer_tag_takes_the_place_of_one_that_waits_to_start(waiting: Desk) -> None:
    old = push(waiting, app="news")

    new = push(waiting, "v2.0-blue", app="news")

    assert state(waiting, old) == (State.SUPERSEDED, JobState.CANCELLED)
    assert [job.id for job in waiting.store.starting()] == [new.job_id]


def test_one_can_be_started_by_hand_and_its_history_says_what_was_missing(waiting: Desk) -> None:
    accepted = push(waiting)

    started = waiting.requests.start(accepted.release_id or "", actor=ANNA)

    assert (started.job_id, started.is_new) == (accepted.job_id, True)
    assert state(waiting, accepted) == (State.QUEUED, JobState.OFFERED)
    last = waiting.store.changes(accepted.release_id or "")[-1]
    assert (last.actor, last.reason) == (
        ANNA,
        "started by hand: waiting for CI (not heard of: build, test)",
    )


def test_only_what_waits_can_be_started_by_hand(waiting: Desk) -> None:
    accepted = push(waiting)
    waiting.requests.start(accepted.release_id or "", actor=ANNA)

    with refused("not-waiting") as error:
        waiting.requests.start(accepted.release_id or "", actor=ANNA)

    assert "is queued" in error.value.document.detail


def test_one_that_ci_starts_while_somebody_does_is_told_as_it_is(waiting: Desk) -> None:
    accepted = push(waiting)

    def pass_ci(jobs: object) -> None:
        assert jobs
        report(waiting, Check("build", PASSED), Check("test", PASSED))

    with refused("not-waiting") as error:
        waiting.when("starting", pass_ci, config=CONFIG).start(accepted.release_id or "", actor=ANNA)

    assert "is queued" in error.value.document.detail
    assert len(waiting.sent.offers) == 1


def test_one_that_waits_is_cancelled_at_once(waiting: Desk) -> None:
    accepted = push(waiting)

    waiting.requests.cancel(accepted.release_id or "", actor=ANNA)

    assert state(waiting, accepted) == (State.CANCELLED, JobState.CANCELLED)
    assert report(waiting, Check("build", PASSED), Check("test", PASSED)) == []
    assert waiting.store.starting() == []


def test_one_that_waited_too_long_fails_and_says_what_was_missing(waiting: Desk) -> None:
    accepted = push(waiting)
    report(waiting, Check("build", FAILED))

    waiting.requests.expire(accepted.job_id)

    job, release = waiting.job(accepted), waiting.release(accepted)
    assert (release.state, job.state) == (State.FAILED, JobState.FAILED)
    assert job.problem is not None
    assert job.problem.slug == "start-condition-not-met"
    assert "failed: build" in job.problem.detail
    assert release.id in job.problem.next_step
    assert accepted.job_id in waiting.sent.closed


def test_a_reconciler_finds_that_a_wait_is_over(waiting: Desk, client: Client) -> None:
    accepted = push(waiting)
    client.zadd("verdigris:deadlines", {accepted.job_id: 1})

    assert waiting.queue.reap().expired == (accepted.job_id,)


def test_one_that_started_at_the_last_moment_is_left_to_its_queue(waiting: Desk) -> None:
    accepted = push(waiting)

    def start(job: object) -> None:
        assert job is not None
        waiting.requests.start(accepted.release_id or "", actor=ANNA)

    waiting.when("find_job", start, config=CONFIG).expire(accepted.job_id)

    assert state(waiting, accepted) == (State.QUEUED, JobState.OFFERED)


def test_a_wait_whose_record_is_gone_starts_nothing_and_ends(waiting: Desk, client: Client) -> None:
    accepted = push(waiting)
    client.delete(f"verdigris:release:{accepted.release_id}")

    assert report(waiting, Check("build", PASSED), Check("test", PASSED)) == []
    assert waiting.job(accepted).state is JobState.WAITING
    waiting.requests.expire(accepted.job_id)

    assert waiting.job(accepted).state is JobState.CANCELLED
    assert client.zrange("verdigris:deadlines", 0, -1) == []
    # and the tag can be deployed again
    assert waiting.requests.deploy("shop", "v1.0-blue", actor=ANNA, commit=COMMIT).is_new


def test_the_end_of_a_wait_looks_a_last_time(waiting: Desk, client: Client) -> None:
    accepted = push(waiting)
    for name in ("build", "test"):
        client.hset(f"verdigris:checks:shop:{COMMIT}", name, '{"state": "passed", "at": 1}')

    waiting.requests.expire(accepted.job_id)

    assert state(waiting, accepted) == (State.QUEUED, JobState.OFFERED)


def test_the_end_of_a_wait_sends_what_it_makes_possible(waiting: Desk, client: Client) -> None:
    accepted = push(waiting)
    # given a job behind the active one, whose record somebody removed by hand
    active = waiting.requests.deploy("docs", "v1.0-blue", actor=GIT)
    behind = waiting.requests.deploy("docs", "v1.0-green", actor=GIT)
    client.delete(f"verdigris:job:{active.job_id}")
    waiting.sent.offers.clear()

    waiting.requests.expire(accepted.job_id)

    assert [offer.job_id for offer in waiting.sent.offers] == [behind.job_id]


def test_one_whose_app_names_no_checks_any_more_says_so(waiting: Desk, store: Store, queue: Queue) -> None:
    accepted = push(waiting)
    changed = CONFIG.replace("start_when: ci-passed", "start_when: pushed")
    config = parse_config(changed.replace("required_checks: [build, test]", ""), name="verdigris.yml")

    Requests(config, store, queue, waiting.sent).expire(accepted.job_id)

    release = waiting.release(accepted)
    assert (release.state, release.reason) == (State.QUEUED, "shop names no required_checks any more")


def test_one_whose_app_is_gone_from_the_configuration_fails_at_its_deadline(
    waiting: Desk, store: Store, queue: Queue
) -> None:
    accepted = push(waiting)
    others = "apps:\n" + CONFIG[CONFIG.index("  docs:") :]

    Requests(parse_config(others, name="verdigris.yml"), store, queue, waiting.sent).expire(accepted.job_id)

    assert state(waiting, accepted) == (State.FAILED, JobState.FAILED)


def test_a_retry_waits_again_where_the_release_had_not_begun(waiting: Desk) -> None:
    accepted = push(waiting)
    waiting.requests.expire(accepted.job_id)

    again = waiting.requests.retry(accepted.release_id or "", actor=ANNA)

    assert again.job_id != accepted.job_id
    assert state(waiting, again) == (State.WAITING, JobState.WAITING)
    assert report(waiting, Check("build", PASSED), Check("test", PASSED)) == [accepted.release_id]


def test_a_retry_after_ci_has_passed_begins_at_once(waiting: Desk) -> None:
    accepted = push(waiting)
    waiting.requests.expire(accepted.job_id)
    report(waiting, Check("build", PASSED), Check("test", PASSED))

    again = waiting.requests.retry(accepted.release_id or "", actor=ANNA)

    assert state(waiting, again) == (State.QUEUED, JobState.OFFERED)


def test_a_retry_of_one_whose_stages_failed_does_not_wait(waiting: Desk) -> None:
    accepted = push(waiting)
    report(waiting, Check("build", PASSED), Check("test", PASSED))
    waiting.run(accepted, step(accepted.release_id or "", State.RUNNING))
    waiting.queue.settle([step(accepted.release_id or "", State.FAILED)])

    again = waiting.requests.retry(accepted.release_id or "", actor=ANNA)

    assert state(waiting, again) == (State.QUEUED, JobState.OFFERED)


def test_a_retry_waits_for_what_the_app_names_now(waiting: Desk, store: Store, queue: Queue) -> None:
    accepted = push(waiting, app="news")
    waiting.requests.expire(accepted.job_id)
    changed = CONFIG.replace(
        "start_when: image-exists",
        "start_when: ci-passed\n    required_checks: [build]\n"
        "    webhook: {repository: acme/news, secrets: [{env: NEWS}]}",
    )
    requests = Requests(parse_config(changed, name="verdigris.yml"), store, queue, waiting.sent)

    again = requests.retry(accepted.release_id or "", actor=ANNA)

    assert waiting.release(again).start_when is StartWhen.CI_PASSED
    assert requests.note_checks("news", COMMIT, [Check("build", PASSED)]) == [accepted.release_id]


@pytest.mark.parametrize("end", ["cancel", "expire"])
def test_a_redeploy_is_no_way_around_ci(waiting: Desk, end: str) -> None:
    accepted = push(waiting)
    if end == "cancel":
        waiting.requests.cancel(accepted.release_id or "", actor=ANNA)
    else:
        waiting.requests.expire(accepted.job_id)

    again = waiting.requests.redeploy(accepted.release_id or "", actor=ANNA)

    assert again.release_id != accepted.release_id
    assert state(waiting, again) == (State.WAITING, JobState.WAITING)
    assert report(waiting, Check("build", PASSED), Check("test", PASSED)) == [again.release_id]


def test_a_redeploy_of_one_that_began_does_not_wait_and_keeps_the_pinned_image(
    waiting: Desk, queue: Queue
) -> None:
    accepted = push(waiting, app="news")
    pinned = "registry.example.com/news:v1.0-blue@sha256:" + "a" * 64
    release_id = accepted.release_id or ""
    move = step(release_id, State.QUEUED)
    queue.start(accepted.job_id, moves=[move], fields={"start_when": "pushed", "image": pinned})

    again = waiting.requests.redeploy(release_id, actor=ANNA)

    release = waiting.release(again)
    assert (release.state, release.image) == (State.QUEUED, pinned)


def test_a_commit_that_is_not_known_yet_waits_without_a_word_of_ci(waiting: Desk) -> None:
    accepted = push(waiting, commit="")

    assert report(waiting, Check("build", PASSED), Check("test", PASSED)) == []

    assert state(waiting, accepted) == (State.WAITING, JobState.WAITING)


@pytest.mark.parametrize(
    ("known", "missing"),
    [
        ({"build": PASSED, "test": PASSED}, ""),
        ({"build": PASSED}, "waiting for CI (not heard of: test)"),
        ({"build": PENDING, "test": PASSED}, "waiting for CI (not finished: build)"),
        (
            {"build": FAILED, "test": FAILED},
            "waiting for CI (failed: build, test; a run that passes still starts it)",
        ),
    ],
)
def test_what_is_missing_is_named(known: Mapping[str, CheckState], missing: str) -> None:
    assert find_missing(["build", "test"], known) == missing
