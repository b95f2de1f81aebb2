"""A release whose image was pinned by its digest runs those bytes, in every stage and whatever comes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests

from release.redis_access import key
from sandbox.images import digest_of
from source.registry import find_digest
from tests.integration.registries import Impostor, anonymous

if TYPE_CHECKING:
    from release.model import Release
    from tests.integration.line import Line
    from tests.integration.registries import Asked, Reply

pytestmark = pytest.mark.needs_envoy


def digest_at(commit: str) -> str:
    """The digest of the line's image at a commit."""
    return digest_of(commit, [sys.executable, "-S", "app.py"])


def pinned(line: Line, tag: str, digest: str | None = None, **push: Any) -> Release:  # noqa: ANN401 -- as the line takes it
    """A release as it is let into its queue once its image was seen."""
    release = line.push(tag, **push)
    image = f"{line.image}:{tag}@{digest or digest_at(release.commit)}"
    line.redis.hset(key("release", release.id), "image", image)
    return line.release(release.id)


def containers(line: Line, color: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = line.get("Deployment", color)["spec"]["template"]["spec"]["containers"]
    return found


def made(line: Line, *, cookie: str = "") -> str:
    headers = {"Host": line.host, **({"Cookie": cookie} if cookie else {})}
    document = requests.get(line.town.address, headers=headers, timeout=5).json()
    return str(document["made"])


def test_the_pods_run_the_bytes_that_were_waited_for_although_the_tag_moved_in_the_registry(
    line: Line,
) -> None:
    # given a pinned release behind its sanity stage
    release = pinned(line, "v1-blue", body={"made": "as tested by CI"})
    line.run(until=line.job().stages[1].stage)

    # when its tag means something else by the time pods are made, and all goes on
    line.repo.commit("v1-blue", body={"made": "afterwards"})
    line.run()

    # then the pods name the digest, and run what it stands for
    assert line.state(release) == "ready", line.told(release)
    assert containers(line, "blue")[0]["image"] == release.image
    line.promote()
    assert line.state(release) == "live", line.told(release)
    assert made(line) == "as tested by CI"


def test_a_redeploy_runs_the_same_bytes_again(line: Line) -> None:
    release = pinned(line, "v1-blue", body={"made": "first"})
    line.run()
    line.repo.commit("v1-blue", body={"made": "second"})

    again = line.take(line.requests.redeploy(release.id, actor=release.actor))
    line.run()

    assert line.state(again) == "ready", line.told(again)
    assert again.image == release.image
    assert containers(line, "blue")[0]["image"] == release.image
    assert made(line, cookie="test=true") == "first"


def test_an_edited_digest_is_named_and_nothing_is_promoted(line: Line) -> None:
    pinned(line, "v1-blue")
    line.run()
    (container,) = containers(line, "blue")
    unpinned = {**container, "image": f"{line.image}:v1-blue"}
    line.edit("Deployment", {"spec": {"template": {"spec": {"containers": [unpinned]}}}}, "blue")
    line.wait_for(lambda: line.is_settled("Deployment", "blue"), "the pods are as they were edited to be")

    problem = line.promote().problem

    assert problem
    assert problem.slug == "not-what-was-tested"
    assert f"image is {line.image}:v1-blue, tested was {line.image}:v1-blue@sha256:" in problem.detail


def test_bytes_that_are_gone_from_the_registry_are_told_by_their_name(line: Line) -> None:
    release = pinned(line, "v1-blue", f"sha256:{'0' * 64}")

    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "rollout-image-not-found"
    assert f"{line.image}@sha256:000" in problem.detail
    assert line.state(release) == "failed"


def test_manifests_that_name_the_tag_get_the_digest(line: Line) -> None:
    files = line.default_manifests()
    text = files["manifests/deployment.yml"].replace("{{ image | tojson }}", f"{line.image}:{{{{ tag }}}}")
    files["manifests/deployment.yml"] = text
    release = pinned(line, "v1-blue", files=files)

    line.run()

    assert line.state(release) == "ready", line.told(release)
    assert containers(line, "blue")[0]["image"] == release.image


def test_manifests_that_run_another_image_are_refused_before_anything_is_touched(line: Line) -> None:
    files = line.default_manifests()
    text = files["manifests/deployment.yml"].replace("{{ image | tojson }}", "registry.sandbox/other:v1")
    files["manifests/deployment.yml"] = text
    release = pinned(line, "v1-blue", files=files)

    with line.writes() as written:
        line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "manifests-invalid"
    assert f"no container of the Deployment runs {release.image}" in problem.detail
    assert written == []


def test_what_the_registry_answers_is_what_the_cluster_pulls(line: Line) -> None:
    """The sandbox's digests are those of manifests as a registry has them."""
    commit = line.repo.commit("v1-blue")

    def reply(_: Asked) -> Reply:
        return 200, {"Docker-Content-Digest": digest_at(commit)}, b""

    with Impostor(reply) as impostor:
        digest = find_digest(f"{impostor.host}/shop:v1-blue", anonymous())

    release = pinned(line, "v1-blue", digest)
    line.run()
    assert line.state(release) == "ready", line.told(release)
