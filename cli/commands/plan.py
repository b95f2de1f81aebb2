"""`verdigris plan`: what a release of a tag would meet and change, found out without releasing.

It works on its own, with the configuration, Git access and kubeconfig of a worker; no server and no Redis.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

import click

from cli.color import color_option, say
from cli.failures import Exit, Failure
from cli.text import plain
from cluster.connection import Cluster
from release.clock import utc_now
from release.environment import Settings
from release.loading import load_config
from release.problems import Problem
from release.references import ConfigError
from source.checkout import Repositories
from tasks.plan import Place, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.problems import ProblemDocument
    from tasks.findings import Finding
    from tasks.plan import Change, Plan

AWAY: Final = "cluster-unavailable"
STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


@click.command
@click.argument("app")
@click.argument("tag")
@click.option("--json", "is_json", is_flag=True, help="Write JSON, for programs.")
@color_option
def plan(app: str, tag: str, *, is_json: bool) -> None:
    """Say what a release of TAG would meet and change.

    Makes every check of the sanity stage and shows how each object would differ; nothing is written. Run it
    where a worker runs: it needs the configuration, Git access and a kubeconfig, but no Redis.

    Exit code 0: it would pass. 1: something has to be mended first.
    """
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        click.echo(plain(line), err=True)

    made = _make(app, tag, tell)
    if is_json:
        click.echo(json.dumps({**as_json(made), "log": told}))
    else:
        _print(made)
    if made.findings.told():
        raise click.exceptions.Exit(Exit.FAILED)


def as_json(made: Plan) -> dict[str, Any]:
    """The plan for programs."""
    refusals = made.findings.told()
    return {
        "app": made.app,
        "tag": made.tag,
        "color": made.color,
        "commit": made.commit,
        "passes": not refusals,
        "findings": [finding.as_json() for finding in refusals],
        "warnings": [finding.as_json() for finding in made.findings.warnings],
        "changes": [
            {
                "kind": change.ref.kind,
                "namespace": change.ref.namespace,
                "name": change.ref.name,
                "is_new": change.is_new,
                "difference": change.difference,
            }
            for change in made.changes
        ],
    }


def _make(app: str, tag: str, tell: Callable[[str], None]) -> Plan:
    """The plan.

    Raises:
        Failure: it can't be made.
    """
    try:
        settings = Settings.read(os.environ)
        place = Place(
            settings=settings,
            config=load_config(settings.config),
            repositories=Repositories(settings.data / "repositories"),
            connect=lambda configured: Cluster.connect(settings.kubeconfig, configured.context),
            clock=utc_now,
            tell=tell,
        )
        return make_plan(place, app, tag)
    except ConfigError as error:
        raise Failure("the configuration can't be used", detail=str(error), code=Exit.USAGE) from None
    except Problem as problem:
        raise _failure(problem.document) from None


def _failure(document: ProblemDocument) -> Failure:
    code = Exit.UNREACHABLE if document.slug == AWAY else Exit.USAGE
    return Failure(document.title, detail=document.detail, next_step=document.next_step, code=code)


def _print(made: Plan) -> None:
    for change in made.changes:
        _print_change(change)
    for warning in made.findings.warnings:
        _print_finding("warning", warning, "yellow")
    refusals = made.findings.told()
    for refusal in refusals:
        _print_finding("refused", refusal, "red")
    subject = f"{made.app} {made.tag}"
    if refusals:
        _line(f"{subject}: would be refused, findings: {len(refusals)}", "red")
    else:
        _line(f"{subject}: would pass sanity and go to {made.color}", "green")


def _print_change(change: Change) -> None:
    if not change.difference:
        _line(f"{change.ref}: stays as it is")
        return
    _line(f"{change.ref}: {'new' if change.is_new else 'changes'}", bold=True)
    for line in change.difference.splitlines():
        _line(line, STYLES.get(line[:1], ""))
    _line("")


def _print_finding(what: str, finding: Finding, color: str) -> None:
    _line(f"{what}: {finding.title} ({finding.slug})", color)
    for line in (*finding.detail.splitlines(), f"What to do: {finding.next_step}"):
        _line(f"  {line}")
    _line("")


def _line(text: str, color: str = "", *, bold: bool = False) -> None:
    say(text, fg=color or None, bold=bold)
