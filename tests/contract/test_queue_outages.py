"""Deadlines that pass, records that are gone, servers that stop, fill up or come back."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from shutil import rmtree
from signal import SIGCONT, SIGSTOP
from threading import Event
from typing import TYPE_CHECKING

import pytest

from release.model import JobState, StageState
from release.problems import NotDurable
from release.queue import Ending, Queue, Timing
from release.redis_access import connect
from release.store import Store
from sandbox.datastore import start_redis
from tests.contract.queue_line import ANNA, HOUR, PATIENT, PROBLEM, Line, new_job

if TYPE_CHECKING:
    from pathlib import Path

    from release.redis_access import Client


class TestReap:
    def test_there_may_be_nothing(self, line: Line) -> None:
        reaped = line.queue.reap()

        assert (reaped.lost, reaped.overdue, reaped.redis_was_away) == ((), (), False)

    def test_nothing_within_its_deadline_is_touched(self, line: Line) -> None:
        line.accept("a")
        assert line.queue.reap().overdue == ()

        line.claim("a")
        assert line.queue.reap().lost == ()

    def test_an_expired_lease_is_told_with_its_owner_until_somebody_acts(self, late: Line) -> None:
        late.accept("a", "b")
        fence = late.claim("a").fence

        first, second = late.queue.reap(), late.queue.reap()

        assert first == second
        assert [(one.job_id, one.fence, one.owner) for one in first.lost] == [("a", fence, "w1")]
        late.queue.lost("a", fence=fence, why="gone")
        assert late.queue.reap().lost == ()

    def test_an_offer_that_nobody_took_is_to_be_published_again_under_its_fence(self, late: Line) -> None:
        (offer,) = late.accept("a")

        assert late.queue.reap().overdue == (offer,)
        assert late.queue.claim("a", index=0, fence=offer.fence if offer else 0, owner="w1") is not None

    def test_an_overdue_offer_is_told_once_per_grace(self, line: Line) -> None:
        line.accept("a")
        line.client.zadd("verdigris:watch", {"a": 1})

        assert [offer.job_id for offer in line.queue.reap().overdue] == ["a"]
        assert line.queue.reap().overdue == ()

    def test_a_lease_really_runs_out(self, line: Line) -> None:
        short = line.with_timing(Timing(lease=30, grace=HOUR))
        short.accept("a")
        short.claim("a")

        deadline = time.monotonic() + 10
        while not (lost := short.queue.reap().lost) and time.monotonic() < deadline:
            Event().wait(0.005)

        assert [one.job_id for one in lost] == ["a"]

    def test_no_more_is_told_than_asked_for(self, late: Line) -> None:
        for name in "abc":
            late.queue.accept(replace(new_job(name, app=name), queue=name))

        assert len(late.queue.reap(limit=2).overdue) == 2

    def test_a_finished_job_that_is_still_watched_is_forgotten(self, late: Line) -> None:
        late.accept("a")
        late.finish("a")
        late.client.zadd("verdigris:watch", {"a": 1, "never-was": 1})

        assert late.queue.reap() == late.queue.reap()
        assert late.client.zcard("verdigris:watch") == 0


class TestNobodyCouldLook:
    """Redis was frozen or cut off: its run is the same, its clock went on, and no claim could be renewed."""

    def test_no_stage_is_taken_from_a_living_worker(self, late: Line) -> None:
        late.accept("a")
        late.claim("a")
        [stage] = late.queue.reap().lost
        assert stage.job_id == "a"
        late.client.decr("verdigris:looked", 5_000)

        reaped = late.with_timing(PATIENT).queue.reap()

        assert not reaped.redis_was_away, "an hour's lease is not over after five seconds"
        reaped = late.queue.reap()
        assert not reaped.redis_was_away
        late.client.decr("verdigris:looked", 5_000)
        reaped = late.queue.reap()
        assert (reaped.redis_was_away, reaped.lost) == (True, ())

    def test_every_deadline_moves_one_lease_away_once(self, line: Line) -> None:
        short = line.with_timing(Timing(lease=5_000))
        short.accept("a")
        short.claim("a")
        short.queue.reap()
        short.client.zadd("verdigris:watch", {"a": 1})
        short.client.decr("verdigris:looked", 5_001)

        away, then = short.queue.reap(), short.queue.reap()

        assert (away.redis_was_away, away.lost) == (True, ())
        assert (then.redis_was_away, then.lost) == (False, ())
        assert (short.client.zscore("verdigris:watch", "a") or 0) > 5_000


class TestGone:
    """What Redis has lost must not stop what is left."""

    @pytest.fixture
    def forgotten(self, line: Line) -> Line:
        line.accept("a", "b")
        line.claim("a")
        line.client.flushall()
        return line

    def test_every_script_answers_for_a_job_that_is_not_there(self, forgotten: Line) -> None:
        queue = forgotten.queue

        assert queue.claim("a", index=0, fence=1, owner="w1") is None
        assert queue.renew("a", fence=1) is queue.look("a", fence=1) is None
        assert queue.done("a", index=0, fence=1, outcome=StageState.PASSED) == Ending("lost")
        assert queue.lost("a", fence=1, why="gone") == Ending("lost")
        assert queue.cancel("a", actor=ANNA, problem=PROBLEM) == Ending("over")
        assert not queue.move("a", fence=1, release_id="r-a", fields={"commit": "decade"})
        assert not queue.log("a", fence=1, subject="r-a", stage="sanity", lines=["late"])
        assert queue.reap().lost == ()
        assert forgotten.client.dbsize() <= 2

    def test_new_jobs_are_taken_after_it(self, forgotten: Line) -> None:
        (offer,) = forgotten.accept("c")

        assert offer is not None
        assert forgotten.finish("c").status == "over"

    def test_fences_go_on_above_those_that_were_lost(self, line: Line) -> None:
        """They stand on objects in the cluster, which has forgotten nothing."""
        line.accept("a", "b")
        line.finish("a")
        before = line.job("b").fence
        line.client.flushall()

        line.accept("c")

        assert line.job("c").fence > before

    def test_a_waiting_job_without_a_record_is_left_out(self, line: Line) -> None:
        line.accept("a", "b", "c")
        line.client.delete("verdigris:job:b")

        offer = line.finish("a").offer

        assert offer is not None
        assert offer.job_id == "c"

    def test_when_only_jobs_without_a_record_are_left_the_queue_is_empty(self, line: Line) -> None:
        line.accept("a", "b")
        line.client.delete("verdigris:job:b")

        assert line.finish("a") == Ending("over")
        assert not line.client.exists("verdigris:queue:shared")

    def test_a_head_without_a_record_does_not_block_its_queue(self, line: Line) -> None:
        line.accept("a", "b")
        line.client.delete("verdigris:job:a")

        line.accept("c")

        assert line.names() == ["b", "c"]
        assert line.job("b").state is JobState.OFFERED
        line.finish("b")
        assert line.job("c").state is JobState.OFFERED


@pytest.mark.needs_redis
class TestRealServer:
    def test_a_restart_loses_nothing_and_expires_no_lease(self, redis_program: Path, tmp_path: Path) -> None:
        timing = Timing(lease=0, grace=0)
        with start_redis(tmp_path, server=redis_program) as first:
            client = connect(first.url, timeout=5)
            before = Line(Queue(client, timing), Store(client), client)
            before.accept("a", "b")
            assert not before.queue.reap().redis_was_away
            fence = before.claim("a").fence
            before.queue.log("a", fence=fence, subject="r-a", stage="sanity", lines=["one"])
            job = before.job("a")
            first.process.kill()
            first.process.wait()

        with start_redis(tmp_path, first.port, server=redis_program):
            after = before.with_timing(PATIENT)
            reaped = after.queue.reap()

            assert reaped.redis_was_away
            assert (reaped.lost, reaped.overdue) == ((), ())
            assert after.queue.reap().lost == ()
            assert (after.job("a"), after.names()) == (job, ["a", "b"])
            assert [line.text for line in after.store.log("r-a")] == ["one"]
            assert after.finish("a").status == "over"
            assert not after.queue.reap().redis_was_away
            client.close()

    def test_a_new_run_moves_each_deadline_one_lease_away_from_now(self, real_redis: Client) -> None:
        queue = Queue(real_redis, Timing(lease=5_000))
        queue.reap()
        now = int(real_redis.time()[0]) * 1000
        real_redis.zadd("verdigris:watch", {"long-over": now - HOUR, "still-good": now + HOUR})
        real_redis.set("verdigris:run", "another")

        assert queue.reap().redis_was_away

        late, good = (real_redis.zscore("verdigris:watch", name) or 0 for name in ("long-over", "still-good"))
        assert now + 5_000 <= late <= now + 60_000
        assert good == now + HOUR + 5_000

    def test_a_server_that_was_silent_is_asked_anew_once_it_speaks_again(
        self, redis_program: Path, tmp_path: Path
    ) -> None:
        with start_redis(tmp_path, server=redis_program) as server:
            store = Store(connect(server.url, timeout=0.2))
            store.releases()
            server.process.send_signal(SIGSTOP)
            with pytest.raises(NotDurable):
                store.releases()
            server.process.send_signal(SIGCONT)

            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                with suppress(NotDurable):
                    assert store.releases() == []
                    return
                Event().wait(0.02)
            pytest.fail("it speaks again, and is not asked")

    def test_a_full_server_writes_all_of_a_job_or_nothing(self, real_redis: Client) -> None:
        line = Line(Queue(real_redis, PATIENT), Store(real_redis), real_redis)
        real_redis.config_set("maxmemory", 1)

        with pytest.raises(NotDurable, match="OutOfMemory"):
            line.accept("a")

        real_redis.config_set("maxmemory", 0)
        assert real_redis.dbsize() == 0

    def test_a_server_that_can_not_write_to_its_disk_is_told_as_not_durable(
        self, redis_program: Path, tmp_path: Path
    ) -> None:
        with start_redis(tmp_path / "data", append_only=False, server=redis_program) as server:
            client = connect(server.url, timeout=5)
            client.config_set("save", "3600 1")
            rmtree(tmp_path / "data")
            client.bgsave()
            wait_for_a_failed_save(client)

            with pytest.raises(NotDurable, match="Redis refuses writes: MISCONF"):
                Queue(client, PATIENT).accept(new_job("a"))
            client.config_set("save", "")  # else it would not end before it could save
            client.close()

    def test_a_stopped_server_is_told_and_its_successor_is_found(
        self, redis_program: Path, tmp_path: Path
    ) -> None:
        with start_redis(tmp_path, server=redis_program) as first:
            client = connect(first.url, timeout=5)
            queue = Queue(client, PATIENT)
            queue.accept(new_job("a"))

        with pytest.raises(NotDurable):
            queue.accept(new_job("b"))

        with start_redis(tmp_path, first.port, server=redis_program):
            assert queue.accept(new_job("b")).status == "accepted"
            assert [job.id for job in Store(client).queue("shared")] == ["a", "b"]
            client.close()


def wait_for_a_failed_save(client: Client) -> None:
    deadline = time.monotonic() + 10
    while client.info("persistence")["rdb_last_bgsave_status"] != "err":
        assert time.monotonic() < deadline, "the save did not fail"
        Event().wait(0.01)
