"""`verdigris plan` on a cluster: the findings of the sanity stage, a difference per object, and no write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from cli.main import main
from cluster.connection import Body

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

NO_REDIS = "redis://127.0.0.1:1/0"
MERGE = "application/merge-patch+json"


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Result]:
    """The command as somebody calls it beside a worker; nothing listens where Redis should be."""

    def call(line: Line, *arguments: str, **environment: str) -> Result:
        config = tmp_path / "verdigris.yml"
        config.write_text(line.config_text)
        given = {
            "VERDIGRIS_CONFIG": str(config),
            "VERDIGRIS_DATA": str(tmp_path / "data"),
            "VERDIGRIS_REDIS_URL": NO_REDIS,
            "KUBECONFIG": str(line.town.folder / "kubeconfig"),
            **environment,
        }
        return CliRunner().invoke(main, ["plan", *arguments], env=given)

    return call


def changes_of(result: Result) -> dict[str, str]:
    """The difference of each object, by its kind."""
    document: dict[str, Any] = json.loads(result.stdout)
    return {change["kind"]: change["difference"] for change in document["changes"]}


def test_a_first_release_would_create_every_object(line: Line, plan: Callable[..., Result]) -> None:
    commit = line.repo.commit("v1-green")

    with line.writes() as written:
        result = plan(line, "shop", "v1-green")

    assert result.exit_code == 0, result.output
    assert f"v1-green is commit {commit}" in result.stderr
    for name in ("Service", "Deployment", "VirtualService", "DestinationRule", "Gateway"):
        assert f"{name} {line.namespace}/shop" in result.stdout
    assert "+  replicas: 1" in result.stdout
    assert f"+        image: {line.image}:v1-green" in result.stdout.replace("'", "").replace(
        "- image", "  image"
    )
    assert result.stdout.endswith("shop v1-green: would pass sanity and go to green\n")
    assert "\x1b[" not in result.output
    assert written == []


def test_only_what_a_release_changes_is_shown(line: Line, plan: Callable[..., Result]) -> None:
    # given green is live, and an entry of the team's in the route
    line.go_live("v1-green")
    route = line.get("VirtualService")["spec"]["http"]
    own = {"name": "old", "match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}}
    line.by_hand("PATCH", line.ref("VirtualService"), Body({"spec": {"http": [own, *route]}}, MERGE))
    line.deploy("v2-blue")

    # when a tag for blue is planned
    line.repo.commit("v3-blue")
    with line.writes() as written:
        result = plan(line, "shop", "v3-blue", "--json")

    # then the Deployment's image changes, and in the route nothing but what the test entry says
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["passes"] is True
    assert document["findings"] == []
    differences = changes_of(result)
    assert differences["Service"] == ""
    assert differences["DestinationRule"] == ""
    removed, added = lines_of(differences["Deployment"], "-"), lines_of(differences["Deployment"], "+")
    assert f"image: {line.image}:v2-blue" in removed
    assert f"image: {line.image}:v3-blue" in added
    assert "verdigris.dev/tag: v3-blue" in added
    assert "workflow: planned" in added
    assert "resourceVersion" not in differences["Deployment"]
    assert "managedFields" not in differences["Deployment"]
    assert lines_of(differences["VirtualService"], "+") == {"x-verdigris-release: planned"}
    assert written == []


def lines_of(difference: str, sign: str) -> set[str]:
    """The changed lines of one side, without their place in the object."""
    changed = [line[1:] for line in difference.splitlines() if line[:1] == sign and line[:3] != sign * 3]
    return {line.strip().removeprefix("- ") for line in changed}


def test_what_sanity_would_refuse_is_told_in_the_same_words(line: Line, plan: Callable[..., Result]) -> None:
    # given green is live
    line.go_live("v1-green", files=line.default_manifests())
    files = line.default_manifests()
    files["manifests/service.yml"] = files["manifests/service.yml"].replace("port: 80", "port: 0")

    # when the next tag names it, too, and its Service is wrong
    release = line.push("v2-green", files=files)
    result = plan(line, "shop", "v2-green", "--json")
    line.run()

    # then the plan has the findings that the release fails with
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    problem = line.job().problem
    assert problem
    assert document["passes"] is False
    assert {finding["slug"] for finding in document["findings"]} == {"color-is-live", "dry-run-refused"}
    for finding in document["findings"]:
        assert finding["detail"] in problem.detail
        assert finding["next_step"] in problem.detail
    assert line.state(release) == "failed"


def test_findings_are_printed_for_people(line: Line, plan: Callable[..., Result]) -> None:
    line.go_live("v1-green")
    line.repo.commit("v2-green")

    result = plan(line, "shop", "v2-green")

    assert result.exit_code == 1
    assert "refused: green is live (color-is-live)\n" in result.stdout
    assert "  What to do: push it as v2-blue: git tag v2-blue v2-green^{}" in result.stdout
    assert result.stdout.endswith("shop v2-green: would be refused, findings: 1\n")


def test_no_secret_is_shown_neither_today_s_nor_yesterday_s(
    make_line: Callable[..., Line], plan: Callable[..., Result], tmp_path: Path
) -> None:
    # given a password in the environment of the pods, which was another one when they were deployed; and a
    # Secret among the manifests
    file = tmp_path / "password"
    file.write_text("yesterdays-password")
    line = make_line(
        values_by_color={"green": {"DB_PASSWORD": {"file": str(file)}, "LEVEL": "debug"}},
        manifests={"allowed_kinds": ["Secret"]},
    )
    files = line.default_manifests()
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {key: {{ values.KEY }}}\n"
    files["manifests/service.yml"] += secret.replace("{{ values.KEY }}", "first-content-of-the-key")
    line.deploy("v1-green", files=files)
    file.write_text("todays-password")
    files["manifests/service.yml"] = files["manifests/service.yml"].replace("first-content", "other-content")
    line.repo.commit("v2-green", files=files)

    # when a tag for the same color is planned
    result = plan(line, "shop", "v2-green", "--json")

    # then it is told that both change, and not how
    assert result.exit_code == 0, result.output
    differences = changes_of(result)
    assert "value: '[redacted]'" in lines_of(differences["Deployment"], "-")
    assert "value: '[redacted, another value]'" in lines_of(differences["Deployment"], "+")
    assert lines_of(differences["Secret"], "+") == {"key: '[redacted, another value]'"}
    for word in ("yesterdays-password", "todays-password", "content-of-the-key"):
        assert word not in result.output
    assert "Y29udGVudC1vZi10aGUta2V5" not in result.output


@pytest.mark.parametrize(
    ("app", "tag", "words"),
    [
        ("other", "v1-green", "No such app"),
        ("shop", "main", "The tag names no color"),
        ("shop", "v1 2-green", "The tag can't be released"),
    ],
)
def test_what_can_t_be_planned_is_wrong_usage(
    line: Line, plan: Callable[..., Result], app: str, tag: str, words: str
) -> None:
    result = plan(line, app, tag)

    assert result.exit_code == 2
    assert f"Error: {words}" in result.stderr
    assert result.stdout == ""


def test_a_secret_that_is_not_here_is_a_matter_of_configuration(
    make_line: Callable[..., Line], plan: Callable[..., Result]
) -> None:
    line = make_line(values_by_color={"green": {"DB_PASSWORD": {"env": "NOT_SET_ANYWHERE"}}})

    result = plan(line, "shop", "v1-green")

    assert result.exit_code == 2
    assert "NOT_SET_ANYWHERE can't be read" in result.stderr


def test_a_cluster_that_is_away_is_no_finding(
    make_line: Callable[..., Line], plan: Callable[..., Result], tmp_path: Path
) -> None:
    line = make_line(deadlines={"cluster": 0.1})
    line.repo.commit("v1-green")
    kubeconfig = yaml.safe_load((line.town.folder / "kubeconfig").read_text())
    kubeconfig["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    away = tmp_path / "away"
    away.write_text(yaml.safe_dump(kubeconfig))

    result = plan(line, "shop", "v1-green", KUBECONFIG=str(away))

    assert result.exit_code == 3
    assert "The cluster's API can't be reached" in result.stderr
