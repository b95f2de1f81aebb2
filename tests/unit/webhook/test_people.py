from __future__ import annotations

import pytest

from release.model import VERDIGRIS, Actor
from webhook.people import tell_actor, tell_people


@pytest.mark.parametrize(
    ("actor", "words"),
    [
        (Actor("token", "demo"), "demo (API)"),
        (Actor("git", "octocat"), "octocat (Git push)"),
        (Actor("person", "maria"), "maria"),
        (Actor("direct", "root@desk.example"), "root@desk.example (directly in the cluster)"),
        (VERDIGRIS, "verdigris"),
    ],
)
def test_an_actor_reads_as_words(actor: Actor, words: str) -> None:
    assert tell_actor(actor) == words
    assert tell_people(f"promoted by {actor}") == f"promoted by {words}"


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("promoted by token:demo: it is Friday", "promoted by demo (API): it is Friday"),
        ("was cancelled by git:o.cat.", "was cancelled by o.cat (Git push)."),
        ("image by token:", "image by token:"),
        ("person:maria was here", "person:maria was here"),
        ("standby:demo", "standby:demo"),
    ],
)
def test_only_actors_in_a_reason_are_put_into_words(kept: str, told: str) -> None:
    assert tell_people(kept) == told
