"""Git: every app's repository can be read from here, and how many of its tags could be released."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from release.problems import Problem
from release.tag import find_color, find_refusal
from source.address import anonymous
from source.listing import NotListed, Trouble, list_tags
from worker.checkup.lines import failed, ok, warning
from worker.checkup.running import REQUEST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from worker.checkup.lines import Line

REMEDIES: Final = {
    Trouble.NO_GIT: "install git where the workers run",
    Trouble.HOST_KEY: "`ssh-keyscan {host} >> ~/.ssh/known_hosts` as the user of the workers, once its keys "
    "are compared with those that it publishes",
    Trouble.CREDENTIALS: "let the workers read it: a deploy key (GIT_SSH_COMMAND='ssh -i FILE'), or a token "
    "by GIT_ASKPASS or ~/.netrc",
    Trouble.NAME: "correct the host in apps.{app}.repository, or the resolver of this machine",
    Trouble.CERTIFICATE: "name the CA of the host in GIT_SSL_CAINFO=FILE",
    Trouble.SILENT: "let this machine through to {host} (firewall, NetworkPolicy, https_proxy)",
    Trouble.UNREACHABLE: "correct apps.{app}.repository, or let this machine through to {host}",
    Trouble.MISSING: "correct apps.{app}.repository; some hosts say so also where access is missing",
    Trouble.OTHER: "`git ls-remote --tags {address}` as the user of the workers tells more",
}


def look_at_repository(
    address: str,
    app: str,
    list_all: Callable[..., Collection[str]] = list_tags,
) -> list[Line]:
    """One line for an address; ``app`` is the first that names it."""
    shown = anonymous(address)
    about = f"repository {shown}"
    try:
        tags = list_all(address, seconds=REQUEST_SECONDS)
    except Problem as problem:
        return [failed(about, problem.document.detail, fix=f"correct apps.{app}.repository")]
    except NotListed as error:
        fix = REMEDIES[error.trouble].format(app=app, host=host_of(shown), address=shown)
        return [failed(about, str(error), fix=fix)]
    fitting = [tag for tag in tags if find_color(tag) and not find_refusal(tag)]
    if not fitting:
        fix = "push one: `git tag v1.0-blue && git push origin v1.0-blue`"
        found = f"readable; none of {len(tags)} tags names a color" if tags else "readable; it has no tag yet"
        return [warning(about, found, fix=fix)]
    return [ok(about, f"readable; {len(fitting)} of {len(tags)} tags name a color")]


def host_of(address: str) -> str:
    """The Git host of an address with a scheme or in scp form; a path is its own."""
    _, has_scheme, rest = address.partition("://")
    authority = rest.partition("/")[0] if has_scheme else address.partition(":")[0]
    return authority.rpartition("@")[2] or address
