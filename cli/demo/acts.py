"""The acts of the demo, in their order; each checks for itself that it came out as it must."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cli.demo.play import check
from cli.demo.users import RATE, Users

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.demo.play import Play

COOKIE: Final = "a=1; test=true"
"""The test cookie among others, as browsers send it."""

WORKERS: Final = ("releases-1", "releases-2")


@dataclass(frozen=True)
class Act:
    """One act; ``about`` tells in a line or two what is to be seen."""

    name: str
    about: str
    play: Callable[[Play], None]


def first_release(play: Play) -> None:
    """Nothing runs yet: the first tag brings up green, the first promote leads users to it."""
    play.push("v1.0-green")
    play.wait_for_release("v1.0-green", "ready")
    play.switch("promote", "v1.0-green")
    play.users = Users(play.place.gateway)
    play.wait_for_users("v1.0-green")
    play.narrator.say(
        f"users are on v1.0-green; from now on {RATE} of their requests a second, until the end"
    )


def behind_the_cookie(play: Play) -> None:
    """The next version is up and tested, and no user has met it."""
    play.push("v2.0-blue")
    play.wait_for_release("v2.0-blue", "ready")
    with_cookie, without = play.ask(cookie=COOKIE)["version"], play.ask()["version"]
    play.narrator.say(f"with the cookie {COOKIE!r}: {with_cookie}; without: {without}")
    check((with_cookie, without) == ("v2.0-blue", "v1.0-green"), "the test route leads elsewhere")
    check(play.seen("v2.0-blue") == 0, "users met v2.0-blue before its promote")


def promote(play: Play) -> None:
    """One call, one write to the route: every user is on blue."""
    play.switch("promote", "v2.0-blue")
    play.wait_for_users("v2.0-blue")


def roll_back(play: Play) -> None:
    """Green still runs: the way back takes one write as well."""
    play.switch("rollback", "v1.0-green")
    play.wait_for_users("v1.0-green")
    check(play.get_release("v2.0-blue")["state"] == "rolled-back", "v2.0-blue is not rolled-back")


def promote_again(play: Play) -> None:
    """What was rolled back may go live again; the cluster still runs what was tested."""
    release = play.get_release("v2.0-blue")
    play.narrator.say(f"[bold]$ verdigris promote {release['app']} --release {release['id']} --wait[/]")
    job = play.client.post("apps", release["app"], "promote", release=release["id"])["job"]
    play.wait("the promote", lambda: play.client.get("jobs", job["id"])["state"] == "done")
    play.wait_for_users("v2.0-blue")


def smoke_fails(play: Play) -> None:
    """A broken version: its smoke test fails behind the cookie, and users go on as before."""
    play.push("v3.0-green", broken=True)
    release = play.wait_for_release("v3.0-green", "failed")
    play.narrator.say(f"[dim]{release['reason']}[/]")
    check("smoke" in release["reason"].lower(), f"it failed otherwise: {release['reason']}")
    check(play.seen("v3.0-green") == 0, "users met the broken version")


def live_color(play: Play) -> None:
    """A tag that names the live color: refused before anything is touched."""
    play.push("v2.1-blue")
    release = play.wait_for_release("v2.1-blue", "failed")
    problem = play.jobs("v2.1-blue")[-1]["problem"]
    play.narrator.say(f"[dim]{release['reason']}[/]")
    play.narrator.say(f"[dim]what to do: {problem['next_step']}[/]")
    check("v2.1-green" in problem["next_step"], "the tag to push instead is not named")


def two_at_once(play: Play) -> None:
    """Two tags in one push: one after the other, never at once."""
    play.push("v3.1-green", "v3.2-green")
    play.wait_for_release("v3.2-green", "ready")
    check(play.get_release("v3.1-green")["state"] == "superseded", "v3.1-green was not replaced")
    first, second = play.jobs("v3.1-green")[0], play.jobs("v3.2-green")[0]
    check(first["ended_at"] <= second["started_at"], "the two releases overlapped")
    play.narrator.say("v3.2-green began when v3.1-green had ended; it now has its place on green")


def no_match(play: Play) -> None:
    """A tag without a color: answered politely, and nothing starts."""
    before = play.client.get("releases")["releases"]
    answer = play.push("v3.2")
    check("200" in answer, f"the hook was answered otherwise: {answer}")
    check(play.client.get("releases")["releases"] == before, "a release began")


def kill_workers(play: Play) -> None:
    """Kill -9 for the workers in the middle of a deploy: the release completes all the same."""
    play.push("v3.3-green", startup_seconds=1.5)
    play.wait("the deploy stage", lambda: _is_deploying(play, "v3.3-green"))
    pids = [play.crew.kill(name) for name in WORKERS]
    play.narrator.say(f"[bold]$ kill -9 {' '.join(map(str, pids))}[/]   (both release workers)")
    play.wait_for_release("v3.3-green", "ready")
    attempt = play.jobs("v3.3-green")[0]["stages"]
    check(all(run["state"] == "passed" for run in attempt), "a stage did not pass")


def decommission(play: Play) -> None:
    """The idle color goes away: the route first, then its pods."""
    play.narrator.say("[bold]$ verdigris decommission shop --wait[/]")
    play.run_job("decommission")
    check(play.ask(cookie=COOKIE)["version"] == "v2.0-blue", "the test route still leads somewhere else")
    check(play.get_release("v3.3-green")["state"] == "superseded", "v3.3-green still counts as ready")


def _is_deploying(play: Play, tag: str) -> bool:
    stages = play.jobs(tag)[0]["stages"]
    return any(run["stage"] == "deploy" and run["state"] == "running" for run in stages)


ACTS: Final = (
    Act("the first release and its promote", "v1.0-green goes to an empty cluster.", first_release),
    Act("only the cookie sees it", "v2.0-blue comes up beside v1.0-green, under traffic.", behind_the_cookie),
    Act("promote", "Every user moves to blue in one write.", promote),
    Act("rollback", "And back: the old version still runs.", roll_back),
    Act("promote again", "What was rolled back needs no new deploy.", promote_again),
    Act("a release whose smoke test fails", "v3.0-green is broken; users notice nothing.", smoke_fails),
    Act("the live color is refused", "v2.1-blue names the color that users are on.", live_color),
    Act("two tags in one go", "v3.1-green and v3.2-green want the same color.", two_at_once),
    Act("a tag that does not match", "v3.2 names no color.", no_match),
    Act("kill -9 in mid-deploy", "v3.3-green loses its worker; another goes on.", kill_workers),
    Act("decommission", "The idle color is taken down.", decommission),
)
