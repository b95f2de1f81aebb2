"""Which checks there are: what apps share is looked at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release.config import App, Config
from release.environment import Settings
from release.origins import TagSignatures
from worker.checkup.checkup import (
    UnknownApp,
    Wish,
    _of_gateways,
    _of_repositories,
    _of_signatures,
    contexts_of,
    examine,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS = Settings.read({"KUBECONFIG": "/kube/config"})


def apps(*places: tuple[str | None, str]) -> Mapping[str, App]:
    """An app for each context and namespace; all share a repository and a gateway."""
    given = {
        f"app-{number}": {
            "repository": "/srv/git/all.git",
            "namespace": namespace,
            "context": context,
            "image": "all:{tag}",
            "gateway": {"address": "http://127.0.0.1"},
        }
        for number, (context, namespace) in enumerate(places)
    }
    return Config.model_validate({"apps": given}).apps


def test_two_hundred_apps_of_one_cluster_are_one_cluster_one_gateway_one_repository() -> None:
    many = apps(*((None, f"team-{number % 10}") for number in range(200)))

    (context,) = contexts_of(SETTINGS, many)

    assert context.kubeconfig == Path("/kube/config")
    assert context.namespaces == tuple(f"team-{number}" for number in range(10))
    assert len(list(_of_gateways(many))) == 1
    assert len(list(_of_repositories(many))) == 1


def test_each_context_has_its_own_namespaces() -> None:
    found = contexts_of(SETTINGS, apps(("blue", "a"), ("red", "a"), ("blue", "b")))

    assert [(one.name, one.namespaces) for one in found] == [("blue", ("a", "b")), ("red", ("a",))]
    assert [one.place("namespace a") for one in found] == ["namespace a (blue)", "namespace a (red)"]


def test_an_unknown_app_is_refused_before_anything_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "verdigris.yml"
    file.write_text(Config.model_validate({"apps": dict(apps((None, "a")))}).model_dump_json())
    wish = Wish(Settings.read({"VERDIGRIS_CONFIG": str(file)}), {}, app="other")

    with pytest.raises(UnknownApp, match="other is none of: app-0"):
        examine(wish)


def test_the_keys_of_each_app_that_asks_for_signed_tags_are_looked_at() -> None:
    first, second = apps((None, "a"), (None, "a")).values()
    signers = TagSignatures(ssh=Path("/nowhere/allowed_signers"))
    asking = second.model_copy(update={"require_signed_tags": signers})

    (check,) = _of_signatures({"shop": first, "till": asking})

    assert check.about == "signed tags of till"
    assert [line.about for line in check.look()] == [check.about]
