"""What people see of releases and jobs: tables and short lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.difference_view import print_difference
from cli.printing import show_line, show_list, show_table
from cli.rule_words import told_approvals, told_countdown, vote_row
from cli.text import SHORT_COMMIT, duration, plain, shown_time, told_actor
from release.model import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.client import Json


def print_releases(releases: Sequence[Json]) -> None:
    """Releases in the order given."""
    if not releases:
        show_line("no releases yet; push a tag such as v1.0-blue, or `verdigris deploy APP TAG`")
        return
    rows = [
        [
            release["id"],
            release["app"],
            release["tag"],
            release["state"],
            shown_time(release["created_at"]),
            told_actor(release["actor"]),
            release["reason"],
        ]
        for release in releases
    ]
    show_table(["release", "app", "tag", "state", "created", "by", "reason"], rows)


def print_release(answer: Json) -> None:
    """One release with its jobs and the steps of its life."""
    release = answer["release"]
    commit = (release["commit"] or "")[:SHORT_COMMIT]
    show_list(
        {
            "release": release["id"],
            "app": release["app"],
            "tag": release["tag"],
            "state": release["state"],
            "reason": release["reason"],
            "commit": commit,
            "image": release["image"],
            "migration": _migration(release.get("migration")),
            "approvals": told_approvals(answer.get("approvals")),
            "by itself": told_countdown(answer),
            "by": told_actor(release["actor"]),
            "redeploy of": release["redeploy_of"],
            "created": shown_time(release["created_at"]),
        }
    )
    if answer["jobs"]:
        show_line("")
        print_jobs(answer["jobs"])
    _print_changes(answer["changes"])
    if answer.get("difference"):
        print_difference(answer["difference"])
    _print_votes(answer.get("votes") or [])
    for warning in release.get("warnings") or []:
        show_line(f"\nwarning: {warning}", style="yellow")
    _print_by_hand(release)
    for job in answer["jobs"]:
        _print_problem(job)


def _print_changes(changes: Sequence[Json]) -> None:
    if changes:
        rows = [
            [shown_time(one["at"]), one["to"], told_actor(one["actor"]), one["reason"]] for one in changes
        ]
        show_line("")
        show_table(["when", "to", "by", "reason"], rows)


def _print_votes(votes: Sequence[Json]) -> None:
    if votes:
        show_line("")
        show_table(["when", "vote", "by", "comment"], map(vote_row, votes))


def _migration(migration: Json | None) -> str:
    """Its kind and, where there is more to tell, how far it is and since when."""
    told = migration or {}
    at = shown_time(told["at"]) if told.get("at") else ""
    return " ".join(filter(None, (told.get("kind"), told.get("state"), at)))


def _print_by_hand(release: Json) -> None:
    """The commands of an emergency, each on a line of its own that can be copied whole."""
    by_hand = release.get("by_hand") or {}
    if release["state"] not in {State.READY, State.LIVE, State.ROLLED_BACK}:
        return  # its color is another's by now
    for title, name in (("by hand, to it", "promote"), ("by hand, back", "rollback")):
        if by_hand.get(name):
            show_line(f"\n{title}:", style="bold")
            click.echo(plain(by_hand[name]))


def print_jobs(jobs: Sequence[Json]) -> None:
    """Jobs in the order given."""
    rows = [
        [
            job["id"],
            job["kind"],
            job["tag"],
            job["doing"],
            duration(job["started_at"], job["ended_at"]),
            told_actor(job["actor"]),
        ]
        for job in jobs
    ]
    show_table(["job", "kind", "tag", "state", "took", "by"], rows)


def print_job(job: Json) -> None:
    """One job with its stages."""
    show_list(
        {
            "job": job["id"],
            "kind": job["kind"],
            "app": job["app"],
            "tag": job["tag"],
            "release": job["release"],
            "state": job["doing"],
            "queue": job["queue"],
            "position": job["position"],
            "by": told_actor(job["actor"]),
            "reason": job["reason"],
            "created": shown_time(job["created_at"]),
        }
    )
    show_line("")
    show_table(
        ["stage", "state", "took"],
        [[run["stage"], run["state"], duration(run["started_at"], run["ended_at"])] for run in job["stages"]],
    )
    _print_problem(job)


def _print_problem(job: Json) -> None:
    problem = job["problem"]
    if problem:
        show_line(f"\n{job['kind']}: {problem['title']}", style="red")
        show_line(problem["detail"])
        show_line(f"Next: {problem['next_step']}")
