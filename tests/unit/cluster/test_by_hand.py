"""The patch of a command: what it tests, what it moves, and when there is none."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import jsonpatch
import pytest

from cluster.by_hand import command_for, patch_by_hand
from cluster.kinds import Ref
from release.model import Color

if TYPE_CHECKING:
    from cluster.kinds import Object
    from cluster.patch import Patch

NOTES = {"verdigris.dev/live-release": "R2"}
HEADER = "x-verdigris-release"


def entry(subset: str, **more: object) -> Object:
    return {"route": [{"destination": {"host": "shop", "subset": subset}}], **more}


def route(default: Object, *, signer: str = "R2", before: list[Object] | None = None) -> Object:
    test = entry("blue", name="shop-test", headers={"response": {"set": {HEADER: signer}}})
    return {"metadata": {"annotations": {"a": "b"}}, "spec": {"http": [*(before or []), test, default]}}


def patch(standing: Object, color: Color = Color.BLUE) -> Patch | None:
    return patch_by_hand(standing, color, test_entry="shop-test", signature=(HEADER, "R2"), notes=NOTES)


@pytest.mark.parametrize("name", [{"name": "shop-default"}, {}], ids=["named", "unnamed"])
def test_it_moves_the_default_and_says_so(name: dict[str, str]) -> None:
    standing = route(entry("green", **name), before=[entry("green", name="own")])

    moved = jsonpatch.apply_patch(standing, patch(standing))

    assert moved["spec"]["http"] == [*standing["spec"]["http"][:2], entry("blue", **name)]
    assert moved["metadata"]["annotations"] == {"a": "b", **NOTES}


@pytest.mark.parametrize("name", [{"name": "shop-default"}, {}], ids=["named", "unnamed"])
def test_it_can_be_written_down_before_it_fits(name: dict[str, str]) -> None:
    """The way back is written while users are where they would be moved back to."""
    back = patch(route(entry("green", **name)), Color.GREEN)

    moved = jsonpatch.apply_patch(route(entry("blue", **name)), back)

    assert moved["spec"]["http"][-1] == entry("green", **name)


@pytest.mark.parametrize("name", [{"name": "shop-default"}, {}], ids=["named", "unnamed"])
@pytest.mark.parametrize(
    "later",
    [
        pytest.param({"signer": "R3"}, id="the test entry is another release's"),
        pytest.param({"before": [{"name": "new", "redirect": {}}]}, id="entries have moved"),
    ],
)
def test_it_is_refused_where_the_route_is_another_one(name: dict[str, str], later: dict[str, object]) -> None:
    written = patch(route(entry("green", **name)))

    with pytest.raises((jsonpatch.JsonPatchException, jsonpatch.JsonPointerException)):
        jsonpatch.apply_patch(route(entry("green", **name), **later), written)


def test_it_is_refused_where_users_are_elsewhere_already_or_the_test_entry_is_out() -> None:
    default = entry("green", name="shop-default")
    written = patch(route(default))

    for later in (route(entry("blue", name="shop-default")), {"metadata": {}, "spec": {"http": [default]}}):
        with pytest.raises((jsonpatch.JsonPatchException, jsonpatch.JsonPointerException)):
            jsonpatch.apply_patch(later, written)


def test_there_is_none_without_the_release_s_own_test_entry() -> None:
    default = entry("green")

    assert patch({"metadata": {}, "spec": {"http": [default]}}) is None
    assert patch({"metadata": {}, "spec": {}}) is None
    assert patch(route(default, signer="R1")) is None


def test_a_shell_takes_the_command_apart_as_it_was_meant() -> None:
    hostile = [{"op": "test", "path": "/x", "value": 'it\'s $(not) `run`\n"here"'}]

    words = shlex.split(command_for(hostile, Ref("VirtualService", "shop", "route"), context="a b"))

    assert words[:7] == [
        "kubectl",
        "--context",
        "a b",
        "-n",
        "shop",
        "patch",
        "virtualservices.networking.istio.io",
    ]
    assert words[7:-1] == ["route", "--type=json", "-p"]
    assert json.loads(words[-1]) == hostile
