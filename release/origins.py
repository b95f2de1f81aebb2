"""Where an app's releases come from, as parts of the configuration: Git host, registry, whose tags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, IPvAnyNetwork, model_validator

from release.references import STRICT, SecretReference, ValueReference

WITHOUT_CI = frozenset({"bitbucket-server", "gogs"})
"""Git hosts whose webhooks don't tell of the state of CI."""


class Webhook(BaseModel):
    """Which Git host may start releases, for which repository, with which secrets.

    ``secrets`` lists more than one while one is being exchanged: each is valid.
    """

    model_config = STRICT

    provider: Literal[
        "github", "gitlab", "gitea", "forgejo", "gogs", "bitbucket", "bitbucket-server", "generic"
    ] = "github"
    repository: Annotated[str, Field(pattern=r"^[^/\s]+(/[^/\s]+)+$")]
    secrets: Annotated[list[SecretReference], Field(min_length=1)]
    senders: Annotated[
        list[IPvAnyNetwork], Field(description="networks that deliveries may come from; empty: any")
    ] = []


class Registry(BaseModel):
    """How the registry that the app's image names is asked whether the image exists.

    ``token_hosts``: hosts beside the registry's own that may hand out its tokens, and so see the password.
    """

    model_config = STRICT

    username: str | None = None
    password: ValueReference | None = None
    token_hosts: list[Annotated[str, Field(pattern=r"^[^/\s:]+(:\d+)?$")]] = []
    plain_http: Annotated[bool, Field(description="no TLS: only for a registry on this machine")] = False

    @model_validator(mode="after")
    def _name_both(self) -> Self:
        if (self.username is None) != (self.password is None):
            message = "username and password belong together: name both or none"
            raise ValueError(message)
        return self


class TagSignatures(BaseModel):
    """Whose signatures on tags count: ``ssh`` as Git's allowed signers, ``gpg`` as exported public keys."""

    model_config = STRICT

    ssh: Annotated[Path | None, Field(description="file as in ssh-keygen(1), ALLOWED SIGNERS")] = None
    gpg: Annotated[Path | None, Field(description="file that `gpg --export` wrote, armored or not")] = None

    @model_validator(mode="after")
    def _name_one(self) -> Self:
        if self.ssh is None and self.gpg is None:
            message = "name the file with the allowed keys: ssh, gpg or both"
            raise ValueError(message)
        return self
