"""What is kept of a rendering, for how long, and that nobody can spoil it for the next."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from release.problems import Problem
from release.secret import Secret
from source.manifests import Manifests
from tasks.renderings import KEPT, Renderings


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Renderer:
    """Counts how often it was asked."""

    times: int = 0

    def __call__(self) -> Manifests:
        self.times += 1
        one = {"metadata": {"name": f"shop-{self.times}"}}
        return Manifests(one, one, None, one, one, one, one, (), "here")


def test_the_stage_right_after_gets_what_was_rendered() -> None:
    render, renderings = Renderer(), Renderings(monotonic=Clock())

    names = [renderings.get("job", "commit", make=render).service["metadata"]["name"] for _ in range(2)]

    assert names == ["shop-1", "shop-1"]
    assert render.times == 1


def test_another_name_is_rendered_anew() -> None:
    render, renderings = Renderer(), Renderings(monotonic=Clock())

    for job in ("one", "two", "one"):
        renderings.get(job, "commit", make=render)

    assert render.times == 3


def test_a_secret_that_was_exchanged_is_rendered_anew_at_once() -> None:
    render, renderings = Renderer(), Renderings(monotonic=Clock())

    for value in ("old", "new"):
        renderings.get("job", {"PASSWORD": Secret(value)}, make=render)

    assert render.times == 2


def test_what_was_given_out_is_kept_no_longer() -> None:
    render, renderings = Renderer(), Renderings(monotonic=Clock())

    for _ in range(3):
        renderings.get("job", {"PASSWORD": Secret("the same")}, make=render)

    assert render.times == 2


def test_nothing_is_given_out_long_after() -> None:
    render, clock = Renderer(), Clock()
    renderings = Renderings(monotonic=clock)
    renderings.get("job", make=render)

    clock.now += KEPT + 0.1
    renderings.get("job", make=render)

    assert render.times == 2


def test_what_one_caller_changes_the_next_does_not_see() -> None:
    render, renderings = Renderer(), Renderings(monotonic=Clock())

    renderings.get("job", make=render).service["metadata"]["name"] = "spoiled"

    assert renderings.get("job", make=render).service == {"metadata": {"name": "shop-1"}}


def test_a_refusal_is_not_kept() -> None:
    renderings = Renderings(monotonic=Clock())

    def refuse() -> Manifests:
        raise Problem("manifests-invalid", "The manifests can't be rendered", detail="x", next_step="y")

    with pytest.raises(Problem):
        renderings.get("job", make=refuse)

    render = Renderer()
    renderings.get("job", make=render)
    assert render.times == 1
