"""``verdigris demo``: plays the acts, then stays up for the visitor to play on."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

import click
import requests

from cli.client import Client
from cli.demo.acts import ACTS
from cli.demo.crew import Crew
from cli.demo.farewell import farewell, welcome
from cli.demo.house import open_house
from cli.demo.narrator import Narrator
from cli.demo.place import APP, choose_place, listen_for_web
from cli.demo.play import Play, Unexpected
from cli.demo.shop import Shop
from cli.demo.summary import ActResult, Summary, summarize_permissions, summarize_release
from cli.demo.users import Traffic
from cli.failures import Exit, Failure
from cli.profile import Connection
from release.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socket import socket

    from cli.demo.place import Place
    from cli.demo.summary import ReleaseSummary

ROOT: Final = Path(".verdigris")


@click.command("demo")
@click.option("--once", is_flag=True, help="Play, then end everything; exits 0 only if all went as it must.")
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the summary to standard output.")
def demo(*, once: bool, as_json: bool) -> None:
    """Play the main job on this machine: real pushes, workers, traffic; only the cluster is a stand-in.

    Everything lives in .verdigris/ below the current folder and ends with the demo.
    """
    narrator, web = Narrator(to_stderr=as_json), listen_for_web()
    place = choose_place(ROOT, web_port=web.getsockname()[1])
    went_well = True
    try:
        with closing(web), _ended_by_signals(), _house(place) as crew:
            is_watched = not once and sys.stdout.isatty()
            summary = _perform(place, crew, web, narrator, is_watched=is_watched)
            went_well = summary.ok
            if as_json:
                click.echo(json.dumps(summary.as_json(), indent=2))
            if not once:
                _stay(place, narrator)
    finally:
        _clear(place, narrator, keep_logs=not went_well)
    sys.exit(Exit.DONE if went_well else Exit.FAILED)


def _clear(place: Place, narrator: Narrator, *, keep_logs: bool) -> None:
    """Leave nothing behind but, after a play that went wrong, what its processes said."""
    if keep_logs:
        narrator.warn(f"what each process said: {place.directory / 'logs'}")
        return
    shutil.rmtree(place.directory, ignore_errors=True)


def _perform(place: Place, crew: Crew, web: socket, narrator: Narrator, *, is_watched: bool) -> Summary:
    """Open the house and play every act; the first that goes wrong ends the play."""
    began = time.monotonic()
    shop = Shop(place)
    summary = Summary(traffic=Traffic())
    with Client(Connection(place.web, Secret(place.token))) as client:
        play = Play(place, crew, shop, client, narrator)
        try:
            with narrator.doing("starting Redis, sandbox, web process, workers and Flower"):
                shop.create()
                open_house(place, crew, web)
            welcome(place, narrator, is_watched=is_watched)
            summary.acts = _play_all(play)
        except Unexpected as error:
            summary.acts.append(ActResult("opening", ok=False, seconds=0, why=str(error)))
            narrator.warn(str(error))
        finally:
            if play.users:
                summary.traffic = play.users.stop()
        summary.permissions = summarize_permissions(place.permissions())
        summary.releases = _releases(client) if any(act.ok for act in summary.acts) else []
    summary.seconds = time.monotonic() - began
    narrator.report(summary)
    return summary


def _play_all(play: Play) -> list[ActResult]:
    results: list[ActResult] = []
    for number, act in enumerate(ACTS, start=1):
        play.narrator.act(number, act.name, act.about)
        results.append(_play_one(play, act.name, act.play))
        play.narrator.act_ended(results[-1])
        if not results[-1].ok:
            break
    return results


def _play_one(play: Play, name: str, act: Callable[[Play], None]) -> ActResult:
    began = time.monotonic()
    try:
        act(play)
    except (Unexpected, Failure, requests.RequestException) as error:
        detail = f": {error.detail}" if isinstance(error, Failure) else ""
        return ActResult(name, ok=False, seconds=time.monotonic() - began, why=f"{error}{detail}")
    return ActResult(name, ok=True, seconds=round(time.monotonic() - began, 2))


def _releases(client: Client) -> list[ReleaseSummary]:
    """Every release of the play, oldest first, with its stages."""
    found = client.get("releases", app=APP)["releases"]
    jobs = {release["id"]: client.get("releases", release["id"])["jobs"] for release in found}
    return [summarize_release(release, jobs[release["id"]]) for release in reversed(found)]


@contextmanager
def _house(place: Place) -> Iterator[Crew]:
    """A crew in its place; it ends with the block, whatever the reason."""
    place.write()
    crew = Crew(environment=place.environment(), logs=place.directory / "logs")
    try:
        yield crew
    finally:
        crew.close()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """TERM and Ctrl-C end the demo in order, also where a shell has told its background jobs to ignore it."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stay(place: Place, narrator: Narrator) -> None:
    """Leave everything running until Ctrl-C."""
    farewell(place, narrator)
    with suppress(KeyboardInterrupt):
        Event().wait()
    narrator.say("closing…")
