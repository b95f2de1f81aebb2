"""Commands that ask for a change. Each is accepted at once; with --wait they follow its job to the end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from cli.completing import AppName, MissedTag, ReleaseId
from cli.failures import Exit, Failure
from cli.following import Asking, check_outcome, follow_job
from cli.footer import Footer
from cli.log_lines import print_line
from cli.naming import by_tag, by_tag_of_app
from cli.session import Session, client_command
from cli.text import shown_seconds
from release.model import JobKind, JobState

if TYPE_CHECKING:
    from cli.client import Json

DEFAULT_TIMEOUT = 3600.0

Command = Callable[..., None]


class Waiting(TypedDict):
    """Whether a command waits for the end, and for how many seconds at most."""

    wait: bool
    timeout: float


reason_option = click.option("--reason", default="", help="Why; kept in the history.")
override_option = click.option(
    "--override-freeze", is_flag=True, help="Go past a freeze that is on; needs --reason."
)
release_option = click.option(
    "--release", metavar="TAG|ID", type=ReleaseId(), help="Which, where it isn't the obvious one."
)


def waiting_options(function: Command) -> Command:
    """Add --wait and --timeout."""
    timeout = click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=DEFAULT_TIMEOUT,
        show_default=True,
        metavar="SECONDS",
        help="How long --wait waits.",
    )
    wait = click.option("--wait", is_flag=True, help="Follow it to its end; the exit code tells the outcome.")
    return wait(timeout(function))


@click.command
@click.argument("app", type=AppName())
@click.argument("tag", type=MissedTag())
@click.option("--commit", default="", help="Full hash; left out, the one that the tag points at.")
@reason_option
@waiting_options
@client_command
def deploy(
    session: Session, *, app: str, tag: str, commit: str, reason: str, **waiting: Unpack[Waiting]
) -> None:
    """Release a tag to its color, up to the smoke tests.

    Nobody but requests with the test cookie reaches it until it is promoted.
    """
    request(session, "apps", app, "deploy", tag=tag, commit=commit, reason=reason, **waiting)


@click.command
@click.argument("app", type=AppName())
@release_option
@reason_option
@override_option
@waiting_options
@client_command
@by_tag_of_app
def promote(
    session: Session,
    *,
    app: str,
    release: str | None,
    reason: str,
    override_freeze: bool,
    **waiting: Unpack[Waiting],
) -> None:
    """Move every user to the release that is ready."""
    request(
        session,
        *("apps", app, "promote"),
        release=release,
        reason=reason,
        override_freeze=override_freeze,
        **waiting,
    )


def or_directly(function: Command) -> Command:
    """Add --direct, with which no server is asked: the command is another one then."""

    @click.option(
        "--direct", is_flag=True, help="Without server and Redis: needs configuration and kubeconfig."
    )
    @click.option(
        "--context", metavar="NAME", help="With --direct: the kubeconfig's context [else the app's]."
    )
    @click.option("--yes", is_flag=True, help="With --direct: don't ask before it is done.")
    @functools.wraps(function)
    def command(*, direct: bool, context: str | None, yes: bool, **rest: Any) -> None:  # noqa: ANN401 -- handed on
        if not direct:
            if context or yes:
                raise click.UsageError("--context and --yes are for --direct")
            function(**rest)
            return
        from cli.commands.direct import Wanted, roll_back_directly  # noqa: PLC0415 -- slow; rarely needed

        given = {name: rest[name] for name in ("app", "release", "reason", "is_json")}
        roll_back_directly(Wanted(context=context, is_agreed=yes, **given))

    return command


@click.command
@click.argument("app", type=AppName())
@release_option
@reason_option
@waiting_options
@or_directly
@client_command
@by_tag_of_app
def rollback(
    session: Session, *, app: str, release: str | None, reason: str, **waiting: Unpack[Waiting]
) -> None:
    """Move every user back to the release before."""
    request(session, "apps", app, "rollback", release=release, reason=reason, **waiting)


@click.command
@click.argument("app", type=AppName())
@reason_option
@waiting_options
@client_command
def decommission(session: Session, *, app: str, reason: str, **waiting: Unpack[Waiting]) -> None:
    """Take down the color that is not live.

    What ran there can't be rolled back to any more.
    """
    request(session, "apps", app, "decommission", reason=reason, **waiting)


@click.command
@click.argument("release", metavar="TAG|ID", type=ReleaseId())
@reason_option
@waiting_options
@client_command
@by_tag
def redeploy(session: Session, *, release: str, reason: str, **waiting: Unpack[Waiting]) -> None:
    """Release the commit of an earlier release again."""
    request(session, "releases", release, "redeploy", reason=reason, **waiting)


@click.command
@click.argument("release", metavar="TAG|ID", type=ReleaseId())
@reason_option
@waiting_options
@client_command
@by_tag
def retry(session: Session, *, release: str, reason: str, **waiting: Unpack[Waiting]) -> None:
    """Run the stages of a failed release again."""
    request(session, "releases", release, "retry", reason=reason, **waiting)


@click.command
@click.argument("release", metavar="TAG|ID", type=ReleaseId())
@reason_option
@waiting_options
@client_command
@by_tag
def cancel(session: Session, *, release: str, reason: str, **waiting: Unpack[Waiting]) -> None:
    """Stop a release on its way."""
    request(session, "releases", release, "cancel", reason=reason, wanted=JobState.CANCELLED, **waiting)


@click.command
@click.argument("release", metavar="TAG|ID", type=ReleaseId())
@reason_option
@override_option
@waiting_options
@client_command
@by_tag
def start(
    session: Session, *, release: str, reason: str, override_freeze: bool, **waiting: Unpack[Waiting]
) -> None:
    """Let a release that waits to start go on at once.

    Whatever CI, the registry or, with --override-freeze, a freeze says.
    """
    request(session, "releases", release, "start", reason=reason, override_freeze=override_freeze, **waiting)


def request(
    session: Session,
    *path: str,
    wait: bool,
    timeout: float,
    wanted: JobState = JobState.DONE,
    **members: str | bool | None,
) -> None:
    """Ask for a change and say what became of it; with ``wait`` also wait for a Redis that is away.

    Raises:
        Failure: as ``finish``, or it is not known to be accepted.
    """
    asking = Asking(session.client, session.surroundings, timeout, session.tell)
    answer = (asking if wait else session.client).post(*path, **members)
    finish(session, answer, asking, wait=wait, wanted=wanted)


def finish(session: Session, answer: Json, asking: Asking, *, wait: bool, wanted: JobState) -> None:
    """Say what was accepted and, where that is asked, how it ended.

    Raises:
        Failure: the job did not end as ``wanted``, or not in time.
    """
    job = answer["job"]
    if not answer.get("is_new", True):
        session.tell("this was asked before; it is not done a second time")
    session.tell(f"accepted: job {job['id']}{_of_release(answer)}")
    if answer.get("changes"):
        session.tell(f"changes: {answer['changes']}")
    if wait:
        answer = _follow(session, asking, job)
        _check_end(answer, wanted)
    if session.is_json:
        session.dump(answer)
    if wait:
        _tell_end(session, answer["job"], asking.elapsed)
    else:
        session.tell(f"see it with `verdigris show {job['id']}`, or give --wait to follow it")


def _check_end(answer: Json, wanted: JobState) -> None:
    """Whether the job ended as it should; where not, job and release stand beside the error in JSON.

    Raises:
        Failure: it did not.
    """
    try:
        check_outcome(answer["job"], wanted)
    except Failure as failure:
        failure.beside = answer
        raise


def _follow(session: Session, asking: Asking, job: Json) -> Json:
    """The job and its release as they are when the job has ended."""
    footer = Footer(asking)

    def show_line(line: Json) -> None:
        if not session.is_json:
            footer.make_way(lambda: print_line(line))

    asking.tell = lambda text: footer.make_way(lambda: session.tell(text))
    try:
        with footer:
            ended = follow_job(asking, job, show_line=show_line, show_state=footer.show_job)
            release = asking.get("releases", ended["release"])["release"] if ended["release"] else None
    except KeyboardInterrupt:
        raise _left(job, Failure("interrupted", code=Exit.INTERRUPTED)) from None
    except Failure as failure:
        raise _left(job, failure) from None
    return {"job": ended, "release": release}


def _left(job: Json, failure: Failure) -> Failure:
    """The failure of following a job that goes on."""
    if "kind" in job:  # a server whose Redis went away meanwhile answers with the id alone
        failure.detail = failure.detail or f"{job['app']}: {job['kind']} of {job['tag']}"
    failure.next_step = failure.next_step or _goes_on(job)
    failure.beside = {"job": job}
    return failure


def _goes_on(job: Json) -> str:
    return f"the job goes on without this command; see it with `verdigris show {job['id']}`"


def _of_release(answer: Json) -> str:
    release = answer["release"]
    if not release:
        return ""
    tag = f" ({release['tag']})" if "tag" in release else ""
    return f", release {release['id']}{tag}"


def _tell_end(session: Session, job: Json, seconds: float) -> None:
    session.tell(f"{job['kind']} of {job['tag']}: {job['state']} after {shown_seconds(seconds)}")
    if job["kind"] == JobKind.DEPLOY and job["state"] == JobState.DONE:
        session.tell(
            f"move every user to it with `verdigris promote {job['app']} --release {job['release']}`"
        )
