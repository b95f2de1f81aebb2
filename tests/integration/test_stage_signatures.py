"""An app that releases signed tags alone: sanity, `verdigris plan`, and a redeploy without its tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from cli.main import main
from tests.integration.line import ANNA
from tests.integration.signing import SshKey, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

WHO = {"GIT_COMMITTER_NAME": "Anna", "GIT_COMMITTER_EMAIL": "anna@example.com"}


@pytest.fixture
def anna(tmp_path: Path) -> SshKey:
    return SshKey.make(tmp_path, "anna")


@pytest.fixture
def line(make_line: Callable[..., Line], anna: SshKey, tmp_path: Path) -> Line:
    """An app whose tags anna has to sign."""
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f"anna@example.com {anna.public}\n")
    return make_line(require_signed_tags={"ssh": str(allowed)})


def sign(line: Line, key: SshKey, tag: str, *, message: str = "a note") -> None:
    """As the refusal says: the same commit under the same name."""
    signing = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={key.file}"]
    run("git", *signing, "tag", "-s", "-f", "-m", message, tag, f"{tag}^{{}}", cwd=line.repo.clone, env=WHO)
    run("git", "push", "--quiet", "-f", "origin", tag, cwd=line.repo.clone)


def test_an_unsigned_tag_is_refused_and_its_release_passes_once_it_is_signed(
    line: Line, anna: SshKey
) -> None:
    # given a lightweight tag
    release = line.push("v1-green")
    line.run()

    # then nothing was touched, nothing of it was rendered, and it is told what to do
    assert line.slug() == "tag-not-signed"
    assert line.find("Deployment", "green") is None
    assert "applied" not in line.told(release)

    # when that is done
    sign(line, anna, "v1-green")
    line.take(line.requests.retry(release.id, actor=ANNA))
    line.run()

    # then it is released, and the log says who signed
    assert line.state(release) == "ready", line.told(release)
    assert f"v1-green is signed by anna@example.com, SSH key {anna.fingerprint}" in line.told(release)


def test_a_redeploy_is_of_a_signed_commit_although_its_tag_is_gone(line: Line, anna: SshKey) -> None:
    first = line.push("v1-green")
    sign(line, anna, "v1-green")
    line.run()
    assert line.state(first) == "ready", line.told(first)
    line.repo.remove_tag("v1-green")

    again = line.take(line.requests.redeploy(first.id, actor=ANNA))
    line.run()

    assert line.state(again) == "ready", line.told(again)
    assert "v1-green is signed by anna@example.com" in line.told(again)


def test_a_signature_is_told_together_with_what_else_is_wrong(line: Line, anna: SshKey) -> None:
    # given green is live
    line.push("v1-green")
    sign(line, anna, "v1-green")
    line.run()
    line.accepted = line.requests.promote("shop", actor=ANNA)
    line.run()

    # when the next tag names it, too, and is not signed
    line.push("v2-green")
    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "sanity-refused"
    assert "(tag-not-signed)" in problem.detail
    assert "(color-is-live)" in problem.detail


def test_plan_refuses_what_sanity_would(line: Line, anna: SshKey, tmp_path: Path) -> None:
    config = tmp_path / "verdigris.yml"
    config.write_text(line.config_text)
    given = {
        "VERDIGRIS_CONFIG": str(config),
        "VERDIGRIS_DATA": str(tmp_path / "data"),
        "VERDIGRIS_REDIS_URL": "redis://127.0.0.1:1/0",
        "KUBECONFIG": str(line.town.folder / "kubeconfig"),
    }
    line.repo.commit("v1-green")

    refused = CliRunner().invoke(main, ["plan", "shop", "v1-green"], env=given)
    sign(line, anna, "v1-green")
    passed = CliRunner().invoke(main, ["plan", "shop", "v1-green"], env=given)

    assert refused.exit_code == 1, refused.output
    assert "refused: The tag is not signed (tag-not-signed)" in refused.stdout
    assert passed.exit_code == 0, passed.output
    assert "v1-green is signed by anna@example.com" in passed.stderr


def test_where_moved_tags_are_released_the_older_release_names_the_newer(
    make_line: Callable[..., Line],
) -> None:
    line = make_line(moved_tags="release")
    line.push("v1-green")
    moved = line.repo.commit("v1-green", other="commit")

    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "tag-moved"
    assert moved in problem.detail
    assert "verdigris releases --app shop" in problem.next_step
