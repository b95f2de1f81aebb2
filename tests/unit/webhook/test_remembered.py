from __future__ import annotations

from release.config import Config
from tests.unit.webhook.fakes import make_app
from webhook.remembered import Numbers, Shelf, find_groups


def make_config(**queues: dict[str, object]) -> Config:
    without = {key: value for key, value in make_app("acme/app").items() if key != "webhook"}
    return Config.model_validate({"apps": {name: {**without, **more} for name, more in queues.items()}})


class FakeStream:
    """Events that a test makes; it counts what is asked."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.asked: list[str] = []

    def happen(self, app: str) -> None:
        self.numbers[app] = self.numbers.get(app, 0) + 1

    def last_id(self) -> str:
        self.asked.append("last_id")
        return f"{sum(self.numbers.values())}-0"

    def touched(self) -> dict[str, int]:
        self.asked.append("touched")
        return dict(self.numbers)


def test_apps_are_neighbors_where_they_share_a_queue_for_some_tags() -> None:
    config = make_config(shop={}, forum={"queue_by_tag": {"v9*": "shop"}}, wiki={})

    assert find_groups(config) == {
        ("shop", "forum"): ["shop"],
        ("forum", "shop"): ["forum"],
        ("wiki",): ["wiki"],
    }


def test_a_number_changes_with_each_event_of_an_app_or_its_neighbors_alone() -> None:
    stream = FakeStream()
    numbers = Numbers(make_config(shop={}, forum={"queue": "shop"}, wiki={}), stream)
    before = dict(numbers.look())

    stream.happen("forum")
    after = numbers.look()

    assert {app for app in before if before[app] != after[app]} == {"shop", "forum"}


def test_where_nothing_happened_one_short_question_is_enough() -> None:
    stream = FakeStream()
    numbers = Numbers(make_config(shop={}), stream)
    first = numbers.look()
    stream.asked.clear()

    assert numbers.look() is first
    assert stream.asked == ["last_id"]


def test_a_shelf_keeps_what_has_the_same_mark_and_only_of_so_many_apps() -> None:
    shelf: Shelf[int, str] = Shelf(most=2)
    read: list[str] = []

    def get(app: str, mark: int) -> str:
        def look() -> str:
            read.append(f"{app}{mark}")
            return f"{app}{mark}"

        return shelf.get(app, mark, look)

    assert [get("a", 1), get("a", 1), get("a", 2), get("b", 1), get("a", 2), get("c", 1), get("b", 1)] == [
        *("a1", "a1", "a2", "b1", "a2", "c1", "b1"),
    ]
    assert read == ["a1", "a2", "b1", "c1", "b1"]
