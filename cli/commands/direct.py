"""`verdigris rollback --direct`: by the configuration file and a kubeconfig, when the service is gone.

What it does is in ``tasks.direct``. Here: what it needs, what it says before, and how it ends.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from cli.failures import Exit, Failure
from cli.text import plain
from cluster.connection import Cluster
from release.clock import utc_now
from release.environment import Settings
from release.loading import parse_config, read_text
from release.model import DIRECT, Actor
from release.problems import Problem
from release.references import ConfigError
from tasks.direct import find_way_back, roll_back

if TYPE_CHECKING:
    from cluster.deployments import DeploymentView
    from release.config import App
    from tasks.direct import WayBack

LONGEST_REASON: Final = 500

CODES: Final = {
    "cluster-config": Exit.USAGE,
    "cluster-unavailable": Exit.UNREACHABLE,
    "cluster-untrusted": Exit.UNREACHABLE,
    "cluster-unauthorized": Exit.FORBIDDEN,
    "cluster-forbidden": Exit.FORBIDDEN,
}
"""Problems that end otherwise than with 1."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says. ``release``: refuse any other; ``is_agreed``: don't ask."""

    app: str
    release: str | None
    reason: str
    context: str | None
    is_agreed: bool
    is_json: bool

    def tell(self, text: str) -> None:
        """Say what goes on; with --json stdout is for JSON alone."""
        for line in text.split("\n"):
            click.echo(plain(line), err=self.is_json)


def roll_back_directly(wanted: Wanted) -> None:
    """Say what is going to happen, ask, move every user back, prove it.

    Raises:
        Failure: it was not done, or could not be proved.
    """
    app, settings = read_app(wanted)
    try:
        cluster = Cluster.connect(settings.kubeconfig, app.context)
        way = find_way_back(
            wanted.app,
            app,
            cluster,
            actor=find_actor(),
            reason=wanted.reason,
            tell=wanted.tell,
            clock=utc_now,
        )
        check_wanted(wanted, way)
        wanted.tell(announce(way, cluster.host))
        ask(wanted)
        is_proved = roll_back(way)
    except Problem as problem:
        told = problem.document
        code = CODES.get(told.slug, Exit.FAILED)
        raise Failure(told.title, detail=told.detail, next_step=told.next_step, code=code) from problem
    if not is_proved:
        wanted.tell(f"the gateway {app.gateway.address} can't be reached from here: look at the app yourself")
    wanted.tell(f"every user is on {way.act.get_release().tag} ({way.act.color})")
    wanted.tell("the service's records follow within half a minute, once it is there")
    if wanted.is_json:
        click.echo(json.dumps(describe(way, is_proved=is_proved)))


def read_app(wanted: Wanted) -> tuple[App, Settings]:
    """The app as configured, with the context that was asked for. Its secrets are not needed.

    Raises:
        Failure: no usable configuration, or no such app in it.
    """
    if len(wanted.reason) > LONGEST_REASON:
        raise Failure(f"a reason has at most {LONGEST_REASON} characters", code=Exit.USAGE)
    try:
        settings = Settings.read(os.environ)
        config = parse_config(read_text(settings.config), name=str(settings.config))
    except ConfigError as error:
        raise Failure("no usable configuration", detail=str(error), code=Exit.USAGE) from error
    app = config.find_app(wanted.app)
    if app is None:
        known = ", ".join(config.apps)
        raise Failure(f"{settings.config} knows no app {wanted.app}; it knows {known}", code=Exit.USAGE)
    return app.model_copy(update={"context": wanted.context or app.context}), settings


def find_actor() -> Actor:
    """Who the operating system says is here. Nobody vouches for it, hence a kind of its own."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    return Actor(DIRECT, f"{user}@{socket.gethostname()}")


def check_wanted(wanted: Wanted, way: WayBack) -> None:
    """Hold to --release.

    Raises:
        Failure: the way back leads elsewhere.
    """
    release = way.act.get_release()
    if wanted.release and wanted.release not in {release.id, release.tag}:
        raise Failure(
            f"{wanted.release} is not what users were on before",
            detail=f"{wanted.app}: the route names {release.tag} ({release.id}) as the one before",
            next_step="leave out --release, or name that one",
        )


def announce(way: WayBack, host: str) -> str:
    """What is going to happen, before it does."""
    act, live = way.act, way.act.color.other
    lines = [
        f"{act.name}: rollback without the service, in namespace {act.app.namespace} of {host}",
        f"  from  {_tell_view(way.left, str(live))}",
        f"  to    {_tell_view(way.standby, str(act.color))}",
        f"  by    {act.job.actor}{f': {act.job.reason}' if act.job.reason else ''}",
        "A stage of this app that runs now and would write the same objects is refused from here on.",
    ]
    return "\n".join([*lines, *([f"The same by hand: {way.by_hand}"] if way.by_hand else [])])


def _tell_view(view: DeploymentView | None, color: str) -> str:
    if view is None:
        return f"{color}, where nothing runs"
    return f"{view.tag} ({view.release}) on {color}, {view.available} of {view.replicas} pods available"


def ask(wanted: Wanted) -> None:
    """Ask once.

    Raises:
        Failure: nobody is there to be asked, or the answer was no.
    """
    if wanted.is_agreed:
        return
    if not sys.stdin.isatty():
        raise Failure(
            "nothing was switched: nobody is there to be asked",
            next_step="give --yes to do it without asking",
            code=Exit.USAGE,
        )
    if not click.confirm(f"Move every user of {wanted.app} back now?", err=wanted.is_json):
        raise Failure("nothing was switched: the answer was no")


def describe(way: WayBack, *, is_proved: bool) -> dict[str, Any]:
    """What was done, for programs."""
    release, left = way.act.get_release(), way.left
    return {
        "app": way.act.name,
        "namespace": way.act.app.namespace,
        "from": {
            "color": way.act.color.other.value,
            "release": left.release if left else None,
            "tag": left.tag if left else None,
        },
        "to": {"color": way.act.color.value, "release": release.id, "tag": release.tag},
        "actor": {"kind": way.act.job.actor.kind, "name": way.act.job.actor.name},
        "reason": way.act.job.reason,
        "is_proved": is_proved,
    }
