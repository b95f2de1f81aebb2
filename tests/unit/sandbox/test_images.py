import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from sandbox.images import (
    Image,
    Images,
    InvalidImageName,
    PullError,
    config_of,
    digest_of,
    manifest_of,
    parse_reference,
)

NAME = "registry.sandbox/shop"
COMMAND = ("python3", "app.py")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop", "docker.io/library/shop:latest"),
        ("acme/shop:v1", "docker.io/acme/shop:v1"),
        ("localhost/shop:v1", "localhost/shop:v1"),
        ("registry:5000/a/b:v2.0-blue", "registry:5000/a/b:v2.0-blue"),
        (f"shop@sha256:{'0' * 64}", f"docker.io/library/shop@sha256:{'0' * 64}"),
    ],
)
def test_a_name_is_completed_as_docker_does(name: str, expected: str) -> None:
    assert str(parse_reference(name)) == expected


def test_a_name_that_is_none_is_refused_in_the_kubelets_words() -> None:
    with pytest.raises(InvalidImageName) as refused:
        parse_reference("Not A Name")
    assert str(refused.value) == (
        'Failed to apply default image tag "Not A Name": couldn\'t parse image name "Not A Name": '
        "invalid reference format: repository name (library/Not A Name) must be lowercase"
    )


@pytest.mark.parametrize("name", ["shop:", "shop:-v1", "shop@sha256:12", "", "a//b"])
def test_malformed_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidImageName, match="invalid reference format"):
        parse_reference(name)


class Registry:
    """An images file with one image, and its repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shop"
        self.folder.mkdir()
        self.file = folder / "images.yaml"
        self.write({"images": [{"name": NAME, "repository": "shop/.git", "command": ["python3", "app.py"]}]})
        self.images = Images(self.file, folder / "sandbox")
        self.git("init", "--quiet")

    def write(self, document: object) -> None:
        self.file.write_text(yaml.safe_dump(document))

    def release(self, tag: str, content: str) -> str:
        (self.folder / "app.py").write_text(content)
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", tag)
        self.git("tag", "--force", tag)
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ("git", *identity, *arguments)
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True, env=env)
        return done.stdout

    def pull(self, name: str) -> Image:
        return asyncio.run(self.images.pull(name))

    def refuse(self, name: str) -> str:
        with pytest.raises(PullError) as refused:
            self.pull(name)
        return str(refused.value)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def test_a_tag_and_its_commit_are_the_same_image(registry: Registry) -> None:
    commit = registry.release("v1", "print('one')")
    by_tag, by_commit = registry.pull(f"{NAME}:v1"), registry.pull(f"{NAME}:{commit}")
    assert (by_tag.tree / "app.py").read_text() == "print('one')"
    assert by_tag.command == ("python3", "app.py")
    assert by_tag.tree == by_commit.tree
    assert by_tag.tree.name == commit
    assert by_tag.identifier == by_commit.identifier


def test_a_moved_tag_is_another_image_and_the_first_one_stays(registry: Registry) -> None:
    registry.release("v1", "one")
    first = registry.pull(f"{NAME}:v1")
    registry.release("v1", "two")
    second = registry.pull(f"{NAME}:v1")
    assert [(image.tree / "app.py").read_text() for image in (first, second)] == ["one", "two"]


def test_a_checkout_is_kept(registry: Registry) -> None:
    registry.release("v1", "one")
    tree = registry.pull(f"{NAME}:v1").tree
    (tree / "mark").touch()
    assert (registry.pull(f"{NAME}:v1").tree / "mark").exists()


@pytest.mark.parametrize(
    "name",
    [
        f"{NAME}:v2",
        f"{NAME}:{'0' * 40}",
        f"{NAME}:HEAD",
        "registry.sandbox/other:v1",
        f"{NAME}@sha256:{'0' * 64}",
    ],
)
def test_what_is_not_there_is_not_found_in_a_kubelets_words(registry: Registry, name: str) -> None:
    registry.release("v1", "one")
    assert registry.refuse(name) == (
        f'rpc error: code = NotFound desc = failed to pull and unpack image "{name}": '
        f'failed to resolve reference "{name}": {name}: not found'
    )


def test_the_images_file_is_read_again_at_every_pull(registry: Registry) -> None:
    registry.release("v1", "one")
    registry.pull(f"{NAME}:v1")
    registry.write({"images": []})
    assert "not found" in registry.refuse(f"{NAME}:v1")


def test_a_repository_that_is_none_is_another_error(registry: Registry) -> None:
    registry.write({"images": [{"name": NAME, "repository": "/no/such/place", "command": ["true"]}]})
    message = registry.refuse(f"{NAME}:v1")
    assert "not a git repository" in message
    assert "not found" not in message


@pytest.mark.parametrize(
    "document",
    [
        "just text",
        {"images": [{"name": NAME}]},
        {"images": [{"name": NAME, "repository": "x", "command": "a b"}]},
    ],
)
def test_an_images_file_that_makes_no_sense_is_named(registry: Registry, document: object) -> None:
    registry.write(document)
    assert str(registry.file) in registry.refuse(f"{NAME}:v1")


def test_without_an_images_file_there_are_no_images(tmp_path: Path) -> None:
    with pytest.raises(PullError, match="not found"):
        asyncio.run(Images(None, tmp_path).pull("shop:v1"))


def test_a_digest_names_the_bytes_whatever_becomes_of_the_tag(registry: Registry) -> None:
    first = digest_of(registry.release("v1", "one"), COMMAND)
    second = digest_of(registry.release("v1", "two"), COMMAND)
    registry.git("reset", "--quiet", "--hard", registry.release("v2", "three"))

    names = [f"{NAME}:v1@{first}", f"{NAME}@{first}", f"{NAME}:gone@{second}", f"{NAME}:v1"]
    images = [registry.pull(name) for name in names]

    assert [(image.tree / "app.py").read_text() for image in images] == ["one", "one", "two", "two"]
    assert [str(image.reference) for image in images[:2]] == [f"{NAME}@{first}"] * 2


def test_a_digest_that_nothing_has_is_not_found_although_the_tag_is_there(registry: Registry) -> None:
    registry.release("v1", "one")

    assert registry.refuse(f"{NAME}:v1@sha256:{'0' * 64}").endswith(f"{NAME}@sha256:{'0' * 64}: not found")


def test_another_command_is_another_image(registry: Registry) -> None:
    commit = registry.release("v1", "one")

    assert digest_of(commit, COMMAND) != digest_of(commit, ("python3", "other.py"))


def test_an_image_is_identified_by_its_configuration_as_manifests_name_it(registry: Registry) -> None:
    commit = registry.release("v1", "one")

    manifest = json.loads(manifest_of(commit, COMMAND))

    assert registry.pull(f"{NAME}:v1").identifier == manifest["config"]["digest"]
    assert json.loads(config_of(commit, COMMAND))["config"]["Cmd"] == list(COMMAND)
