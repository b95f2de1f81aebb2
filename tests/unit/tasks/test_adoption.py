"""What is read from a Deployment that somebody else made."""

from __future__ import annotations

import pytest

from release.names import RELEASE
from tasks.adoption import is_recorded, tag_of


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("docker.io/example/myapp:v1.0-blue", "v1.0-blue"),
        ("registry:5000/myapp:5cb4ab69-7a5e-4bd2-8b29-0b4d4c6b0d5f", "5cb4ab69-7a5e-4bd2-8b29-0b4d4c6b0d5f"),
        ("myapp:v1@sha256:0123456789abcdef", "v1"),
        ("registry:5000/myapp", "untagged"),
        ("myapp@sha256:0123456789abcdef", "untagged"),
        ("myapp:", "untagged"),
        ("myapp:--upload-pack=x", "untagged"),
        ("myapp:<b>", "untagged"),
        (f"myapp:{'a' * 64}", "untagged"),
    ],
)
def test_the_tag_of_an_image_is_what_stands_behind_its_colon(image: str, tag: str) -> None:
    assert tag_of(image) == tag


@pytest.mark.parametrize(
    ("labels", "annotations", "expected"),
    [
        ({"workflow": "r1"}, {RELEASE: "r1"}, True),
        ({"workflow": "r2"}, {RELEASE: "r1"}, False),
        ({}, {RELEASE: "r1"}, False),
        ({"workflow": "r1"}, {}, False),
        (None, None, False),
    ],
)
def test_a_deployment_is_a_releases_if_label_and_annotation_say_the_same(
    *, labels: dict[str, str] | None, annotations: dict[str, str] | None, expected: bool
) -> None:
    assert is_recorded({"metadata": {"labels": labels, "annotations": annotations}}) is expected
