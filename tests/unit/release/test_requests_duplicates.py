"""The same request again: answered with the ids of the first, and started once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from release.requests import Accepted
from tests.unit.release.desk import ANNA, GIT

if TYPE_CHECKING:
    from tests.unit.release.desk import Desk


class TestDuplicates:
    def test_the_same_delivery_is_answered_with_the_first_ids_even_after_its_end(self, desk: Desk) -> None:
        first = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d1")
        desk.run(first)

        again = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d1")

        assert again == Accepted(first.release_id, first.job_id, is_new=False)
        assert len(desk.store.releases()) == 1

    def test_the_same_tag_at_the_same_commit_is_a_duplicate_under_a_new_delivery(self, desk: Desk) -> None:
        first = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d1")
        desk.run(first)

        again = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d2")

        assert again == Accepted(first.release_id, first.job_id, is_new=False)

    def test_a_duplicate_is_not_published_again(self, desk: Desk) -> None:
        """Its offer, if it is lost, is found by a worker; fifty copies of a delivery are no fifty chains."""
        for _ in range(3):
            desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d1")

        assert len(desk.sent.offers) == len(desk.sent.waiting) == 1

    def test_a_tag_moved_to_another_commit_is_another_release(self, desk: Desk) -> None:
        first = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d1")

        moved = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="decade", delivery="d2")

        assert moved.is_new
        assert [job.release_id for job in desk.store.queue("shop")] == [first.release_id, moved.release_id]

    def test_the_same_delivery_means_something_else_to_another_app(self, desk: Desk) -> None:
        first = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d1")
        other = desk.requests.deploy("blog", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d1")

        assert other.is_new
        assert other.release_id != first.release_id

    def test_a_call_by_hand_joins_the_tag_in_the_queue(self, desk: Desk) -> None:
        first = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d1")

        by_hand = desk.requests.deploy("shop", "v2.0-blue", actor=ANNA)

        assert by_hand == Accepted(first.release_id, first.job_id, is_new=False)

    def test_a_call_by_hand_starts_again_once_the_tag_has_left_the_queue(self, desk: Desk) -> None:
        first = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d1")
        desk.run(first)

        by_hand = desk.requests.deploy("shop", "v2.0-blue", actor=ANNA)

        assert by_hand.is_new

    def test_a_delivery_that_joined_a_call_by_hand_stays_a_duplicate(self, desk: Desk) -> None:
        by_hand = desk.requests.deploy("shop", "v2.0-blue", actor=ANNA)
        joined = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d1")
        desk.run(by_hand)

        again = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d1")

        assert joined == again == Accepted(by_hand.release_id, by_hand.job_id, is_new=False)

    def test_fifty_copies_of_a_delivery_at_once_are_one_release(self, desk: Desk) -> None:
        def deliver(_: int) -> Accepted:
            return desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery="d1")

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(deliver, range(50)))

        assert len(desk.store.releases()) == len(desk.store.queue("shop")) == 1
        assert len({(answer.release_id, answer.job_id) for answer in answers}) == 1
        assert [answer.is_new for answer in answers].count(True) == 1
        assert len(desk.sent.offers) == 1

    @pytest.mark.parametrize(
        ("delivery", "kept"), [("d1", "d1"), ("d1 v2.0-blue", "d1"), (None, "")], ids=["one", "many", "hand"]
    )
    def test_the_release_keeps_the_hosts_id_of_its_delivery(
        self, desk: Desk, delivery: str | None, kept: str
    ) -> None:
        accepted = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", delivery=delivery)

        assert desk.release(accepted).delivery == kept
