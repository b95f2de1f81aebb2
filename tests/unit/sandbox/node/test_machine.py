import asyncio
from pathlib import Path

import pytest

from sandbox.images import Images
from sandbox.node.machine import Backoff, NeverPulled, PulledImages, pull_policy


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff()
    assert [backoff.take() for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert backoff.take() == 0.5


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"image": "shop"}, "Always"),
        ({"image": "registry:5000/shop"}, "Always"),
        ({"image": "shop:latest"}, "Always"),
        ({"image": "shop:v1"}, "IfNotPresent"),
        ({"image": "shop@sha256:1"}, "IfNotPresent"),
        ({"image": "shop:v1", "imagePullPolicy": "Never"}, "Never"),
    ],
)
def test_the_default_policy_depends_on_the_tag(container: dict[str, str], expected: str) -> None:
    assert pull_policy(container) == expected


def test_an_image_that_may_not_be_pulled_has_to_be_there(tmp_path: Path) -> None:
    images = PulledImages(Images(None, tmp_path))
    assert images.find("shop:v1", "IfNotPresent") is None
    with pytest.raises(NeverPulled, match="is not present with pull policy of Never"):
        images.find("shop:v1", "Never")


def test_what_could_not_be_pulled_is_not_kept(tmp_path: Path) -> None:
    images = PulledImages(Images(None, tmp_path))
    with pytest.raises(Exception, match="not found"):
        asyncio.run(images.pull("shop:v1"))
    assert images.find("shop:v1", "IfNotPresent") is None
