"""A registry that would not let releases start is told beforehand, with what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from release.config import App
from release.origins import Registry
from release.problems import Problem
from source.registry_refusals import RegistryUnreachable
from worker.checkup.checkup import _of_registries
from worker.checkup.lines import Grade
from worker.checkup.registries import about_registry, look_at_registry

if TYPE_CHECKING:
    from collections.abc import Callable


def an_app(**fields: Any) -> App:  # noqa: ANN401 -- as the configuration has them
    return App.model_validate(
        {
            "repository": "/srv/git/shop.git",
            "namespace": "shop",
            "image": "registry.example.com:5000/acme/shop:{tag}",
            "gateway": {"address": "http://127.0.0.1"},
            "start_when": "image-exists",
            **fields,
        }
    )


def finding(result: str | Problem | None) -> tuple[list[tuple[str, Registry]], Callable[..., str | None]]:
    """What was asked, and who answers."""
    asked: list[tuple[str, Registry]] = []

    def find(image: str, registry: Registry, *, seconds: float) -> str | None:
        assert seconds
        asked.append((image, registry))
        if isinstance(result, Problem):
            raise result
        return result

    return asked, find


@pytest.mark.parametrize("digest", [None, "sha256:" + "0" * 64])
def test_an_answer_is_enough_whether_the_image_is_there_or_not(digest: str | None) -> None:
    asked, find = finding(digest)

    (line,) = look_at_registry("shop", an_app(), find)

    assert line.grade is Grade.OK
    assert line.about == "registry registry.example.com:5000 for shop"
    assert line.found == "answers, and lets anybody look for images"
    assert asked == [("registry.example.com:5000/acme/shop:v0-verdigris-doctor-blue", Registry())]


def test_whose_password_opens_it_is_said() -> None:
    app = an_app(registry={"username": "deploy", "password": {"env": "PASSWORD_OF_THE_REGISTRY"}})

    (line,) = look_at_registry("shop", app, finding(None)[1])

    assert line.found == "answers, and lets deploy look for images"


def test_what_refuses_is_told_with_its_fix() -> None:
    (line,) = look_at_registry("shop", an_app(), finding(RegistryUnreachable("shop: refused"))[1])

    assert line.grade is Grade.FAILED
    assert line.found == "The registry does not answer: shop: refused"
    assert line.fix.startswith("shop: let the workers through")


def test_an_image_without_a_host_is_at_docker_hub() -> None:
    assert about_registry("shop", an_app(image="acme/shop:{commit}")) == "registry docker.io for shop"


def test_only_the_registries_of_apps_that_wait_for_images_are_asked() -> None:
    apps = {"shop": an_app(), "other": an_app(start_when="pushed")}

    (check,) = _of_registries(apps)

    assert check.about == "registry registry.example.com:5000 for shop"
