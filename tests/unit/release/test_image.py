"""Images' names, as container runtimes read them."""

from __future__ import annotations

import pytest

from release.image import ImageReference, NotAnImage, is_pinned

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("name", "host", "repository", "tag"),
    [
        ("shop", "docker.io", "library/shop", "latest"),
        ("shop:v1-blue", "docker.io", "library/shop", "v1-blue"),
        ("acme/shop:v1", "docker.io", "acme/shop", "v1"),
        ("docker.io/shop:v1", "docker.io", "library/shop", "v1"),
        ("docker.io/acme/shop:v1", "docker.io", "acme/shop", "v1"),
        ("localhost/shop:v1", "localhost", "shop", "v1"),
        ("registry:5000/a/b/c:v2.0-blue", "registry:5000", "a/b/c", "v2.0-blue"),
        ("registry.example.com/a__b/c-d.e", "registry.example.com", "a__b/c-d.e", "latest"),
    ],
)
def test_a_name_is_completed_as_docker_does(name: str, host: str, repository: str, tag: str) -> None:
    found = ImageReference.parse(name)

    assert (found.host, found.repository, found.tag, found.digest) == (host, repository, tag, None)
    assert found.written == name
    assert found.pinned(DIGEST) == f"{name}@{DIGEST}"


def test_a_digest_is_read_and_another_takes_its_place() -> None:
    found = ImageReference.parse(f"registry:5000/shop:v1@{DIGEST}")

    assert (found.written, found.tag, found.digest) == ("registry:5000/shop:v1", "v1", DIGEST)
    assert found.pinned("sha256:" + "f" * 64) == "registry:5000/shop:v1@sha256:" + "f" * 64


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "shop:",
        "shop:-v1",
        "shop:v1:v2",
        "shop:v1\n",
        "Shop:v1",
        "a//b:v1",
        "../b:v1",
        "registry.example.com/../b:v1",
        "registry.example.com/a/..:v1",
        "registry.example.com:port/a:v1",
        "registry..example.com/a:v1",
        "-registry.example.com/a:v1",
        "user@registry.example.com/a:v1",
        "registry.example.com/a:v1?x=y",
        "registry.example.com/a:v1#x",
        "registry.example.com/a%2fb:v1",
        "https://registry.example.com/a:v1",
        "shop:\u0661",
        "a" * 513,
        "shop@",
        "shop@sha256:12",
        f"shop@{DIGEST.upper()}",
        f"shop@{DIGEST}@{DIGEST}",
        f"shop@{DIGEST}\n",
        "shop@sha512:" + "0" * 128,
    ],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(NotAnImage, match="is no image's name"):
        ImageReference.parse(name)


@pytest.mark.parametrize("digest", ["", "sha256:", "0" * 64, DIGEST + "0", f"{DIGEST}\n"])
def test_an_image_is_pinned_by_nothing_but_a_digest(digest: str) -> None:
    with pytest.raises(NotAnImage, match="is no digest"):
        ImageReference.parse("shop:v1").pinned(digest)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("shop:v1", "docker.io/library/shop:v1", True),
        ("shop:v1", f"docker.io/shop:v1@{DIGEST}", True),
        ("shop:v1", "shop:v2", False),
        ("shop:v1", "acme/shop:v1", False),
        ("shop:v1", "localhost/shop:v1", False),
    ],
)
def test_a_tag_is_the_same_however_it_is_written(one: str, other: str, is_same: bool) -> None:  # noqa: FBT001 -- a column
    assert ImageReference.parse(one).is_tag_of(ImageReference.parse(other)) is is_same


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (f"shop:v1@{DIGEST}", True),
        (f"shop@{DIGEST}", True),
        ("shop:v1", False),
        ("shop:v1@sha512:12", False),
        ("", False),
        (None, False),
    ],
)
def test_an_image_with_a_digest_is_pinned(image: str | None, expected: bool) -> None:  # noqa: FBT001 -- a column
    assert is_pinned(image) is expected
