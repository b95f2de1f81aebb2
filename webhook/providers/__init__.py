"""Git hosts: one module each, from a delivery to an event. Nothing here knows Flask.

A module offers ``verify(delivery, secrets)`` and ``parse(delivery)``, to be called in that order
(``events.Provider``). ``PROVIDERS`` names them as the configuration and the addresses do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webhook.providers.bitbucket import Bitbucket
from webhook.providers.bitbucket_server import BitbucketServer
from webhook.providers.forgejo import Forgejo
from webhook.providers.generic import Generic
from webhook.providers.gitea import Gitea
from webhook.providers.github import GitHub
from webhook.providers.gitlab import GitLab
from webhook.providers.gogs import Gogs

if TYPE_CHECKING:
    from webhook.providers.events import Provider

PROVIDERS: Final[dict[str, Provider]] = {
    "github": GitHub(),
    "gitlab": GitLab(),
    "gitea": Gitea(),
    "forgejo": Forgejo(),
    "gogs": Gogs(),
    "bitbucket": Bitbucket(),
    "bitbucket-server": BitbucketServer(),
    "generic": Generic(),
}
