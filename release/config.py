"""The configuration of apps: what may stand in the file. It is read and checked whole in ``loading``.

Secrets stand in it only by reference to an environment variable or a file. What the process itself needs
(Redis, addresses) is in ``release.environment``.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator

from release.channels import Channel
from release.duration import PositiveSeconds, Seconds
from release.image import ImageReference, NotAnImage
from release.model import Color, Migration, StartWhen
from release.origins import WITHOUT_CI, Registry, TagSignatures, Webhook
from release.references import STRICT, TextOrReference, ValueOrReference, ValueReference
from release.retention import Keep
from release.rules import AutoPromote, Freeze, People, Promotion
from release.scraping import Metrics
from release.sign_in import GroupGrant, SignIn
from release.smoke import Command, Smoke
from release.tokens import Token

if TYPE_CHECKING:
    from release.secret import Secret


NAME = r"^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$"
OBJECT_NAME = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"

Name = Annotated[str, Field(pattern=NAME)]
ObjectName = Annotated[str, Field(pattern=OBJECT_NAME)]
CheckName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]


class Part(BaseModel):
    """A part of the file."""

    model_config = STRICT


def _inside(value: str) -> str:
    if Path(value).is_absolute() or ".." in Path(value).parts:
        message = "must be a folder inside the repository"
        raise ValueError(message)
    return value


class Manifests(Part):
    """Where the app's manifests are in its repository and how they are written.

    ``path``: a folder in the repository; where it does not exist, Verdigris' own templates serve.
    ``variables``: further names that ``$NAME`` may stand for (``envsubst`` only), from our environment.
    ``allowed_kinds``: kinds that may come out of the repository beside those of the five files.
    """

    path: str = "manifests"
    syntax: Literal["jinja2", "envsubst"] = "jinja2"
    variables: dict[str, TextOrReference] = {}
    allowed_kinds: list[str] = ["ConfigMap"]

    @field_validator("path")
    @classmethod
    def _stay_inside(cls, value: str) -> str:
        return _inside(value)


class Deadlines(Part):
    """How long each wait may take.

    ``start``: for what ``start_when`` names. ``turn``: for a job's turn, and a worker. ``cluster``: for an
    API server that can't be reached.
    """

    start: PositiveSeconds = 3_600

    rollout: PositiveSeconds = 120
    image_wait: Seconds = 600
    command: PositiveSeconds = 600
    switch: PositiveSeconds = 60
    delete: PositiveSeconds = 120
    turn: PositiveSeconds = 86_400
    cluster: PositiveSeconds = 120


class Gateway(Part):
    """Where the ingress gateway answers, seen from the workers: for smoke tests and the proof of a switch."""

    address: Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]
    host: Annotated[str | None, Field(description="Host header, where it isn't the address' own")] = None


class ObjectNames(Part):
    """What the app's objects are called in the cluster; ``{app}`` and ``{color}`` are filled in.

    They stand here, so that what is live can be read, switched and rolled back from the cluster alone. The
    manifests must use the same names.
    """

    deployment: Annotated[str, Field(pattern=r"\{color\}")] = "{app}-{color}"
    service: str = "{app}"
    virtual_service: str = "{app}-blue-green"
    destination_rule: str = "{app}-blue-green"


class App(Part):
    """One deployed application."""

    repository: Annotated[str, Field(min_length=1, description="as Git takes it; never from a payload")]
    webhook: Webhook | None = None
    namespace: Name
    context: Annotated[str | None, Field(description="kubeconfig context; default: the current one")] = None
    image: Annotated[str, Field(pattern=r"\{(tag|commit)\}")]
    container: Annotated[str | None, Field(description="where commands run; default: the first")] = None
    manifests: Manifests = Manifests()
    objects: ObjectNames = ObjectNames()
    values: dict[str, Any] = {}
    values_by_color: dict[Color, dict[str, ValueOrReference]] = {}
    env_from: Annotated[
        dict[Color, list[ObjectName]], Field(description="Secrets of the namespace that are environment")
    ] = {}
    image_pull_secrets: list[ObjectName] = []
    test_cookie: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+=[A-Za-z0-9_-]+$")] = "test=true"
    test_cookie_domain: Annotated[
        str | None,
        Field(pattern=r"^([a-z0-9-]+\.)+[a-z0-9-]+$", description="a domain of Verdigris and the app"),
    ] = None
    public_url: Annotated[
        str | None,
        Field(pattern=r"^https?://[^/\s?#@'\"]+(/[^\s'\"]*)?$", description="where its users reach it"),
    ] = None
    gateway: Gateway
    migrate: list[Command] = []
    migrate_job: Annotated[
        str | None,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.ya?ml$", description="file with the Job that migrates"),
    ] = None
    migration: Annotated[Migration, Field(description="where the tag does not say")] = Migration.EXPAND
    migrate_repeatable: bool = False
    migration_files: str = ""
    smoke: Smoke = Smoke()
    deadlines: Deadlines = Deadlines()
    max_restarts: Annotated[int, Field(ge=0)] = 2
    routes: Literal["keep", "from-repository"] = "keep"
    in_mesh: Annotated[
        Literal["warn", "refuse"], Field(description="a way for callers past the tests: tell it, or refuse")
    ] = "warn"
    take_over: Annotated[list[str], Field(description="managers whose fields an apply may take")] = []
    queue: Name | None = None
    queue_by_tag: Annotated[dict[str, Name], Field(description="glob over the tag → queue")] = {}
    keep_rollback_for: Seconds = 0
    start_when: Annotated[StartWhen, Field(description="what a deploy waits for before it queues")] = (
        StartWhen.PUSHED
    )
    required_checks: Annotated[
        list[CheckName], Field(description="names of the checks that ci-passed needs")
    ] = []
    registry: Registry = Registry()
    moved_tags: Annotated[
        Literal["refuse", "release"], Field(description="a tag that was moved to another commit")
    ] = "refuse"
    require_signed_tags: TagSignatures | None = None
    compare_tags: Annotated[Seconds, Field(description="how often to look for missed tags; 0: never")] = 900
    poll: Annotated[Seconds, Field(description="how often to look for tags, and start them; 0: never")] = 0
    drain: Seconds = 30
    when_newer: Literal["keep", "cancel-queued"] = "keep"
    freezes: list[Freeze] = []
    promote: Promotion = Promotion()
    auto_promote: AutoPromote | None = None
    keep: Keep = Keep()

    @field_validator("image")
    @classmethod
    def _name_an_image(cls, image: str) -> str:
        """A pushed tag must not choose whose registry is asked, with our password."""
        host, slash, _ = image.partition("/")
        if slash and "{" in host:
            message = "the registry's name, before the first /, can't depend on the tag or the commit"
            raise ValueError(message)
        example = image.replace("{tag}", "v1-blue").replace("{commit}", "0" * 40)
        try:
            ImageReference.parse(example)
        except NotAnImage as error:
            message = f"becomes {example!r}, which no registry takes for an image"
            raise ValueError(message) from error
        return image

    @field_validator("migration_files")
    @classmethod
    def _keep_inside(cls, value: str) -> str:
        return _inside(value)

    @model_validator(mode="after")
    def _migrate_one_way(self) -> Self:
        if self.migrate and self.migrate_job:
            message = "migrate and migrate_job are two ways to do the same: name one"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _share_the_domain(self) -> Self:
        """A browser drops a cookie for a domain that the app is not in."""
        if domain := self.test_cookie_domain:
            host = urlsplit(self.public_url or "").hostname or ""
            if not f".{host}".endswith(f".{domain}"):
                message = f"test_cookie_domain {domain} has to be a domain of public_url's host"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _name_what_to_wait_for(self) -> Self:
        if (self.start_when is StartWhen.CI_PASSED) != bool(self.required_checks):
            message = "start_when: ci-passed and required_checks belong together: name both or none"
            raise ValueError(message)
        without = self.webhook is None or self.webhook.provider in WITHOUT_CI
        if self.start_when is StartWhen.CI_PASSED and without:
            host = f"{self.webhook.provider} does not" if self.webhook else "no webhook is named"
            message = f"ci-passed needs a host that tells of its CI, and {host}: use image-exists"
            raise ValueError(message)
        return self

    @property
    def has_migration(self) -> bool:
        """Whether a release has anything to migrate with."""
        return bool(self.migrate or self.migrate_job)

    def image_for(self, *, tag: str, commit: str) -> str:
        """The image that a release runs."""
        return self.image.replace("{tag}", tag).replace("{commit}", commit)


class AuditTrail(Part):
    """About how many entries of the audit trail are kept, each some 300 bytes of Redis."""

    keep: Annotated[int, Field(ge=1000)] = 1_000_000


class Config(Part):
    """The whole file."""

    public_read: Annotated[bool, Field(description="whether reads need no token")] = False
    tokens: list[Token] = []
    sign_in: Annotated[SignIn | None, Field(description="the OpenID provider people sign in with")] = None
    grants: Annotated[list[GroupGrant], Field(description="which group of the provider has which role")] = []
    people: Annotated[People, Field(description="names in Git → names to sign in with")] = {}
    audit: AuditTrail = AuditTrail()
    metrics: Annotated[Metrics, Field(description="who reads /metrics without a token")] = Metrics()
    channels: Annotated[dict[Name, Channel], Field(description="who is told outside of what happens")] = {}
    stuck_after: Annotated[
        PositiveSeconds, Field(description="a wait for its turn after which channels are told of a job")
    ] = 1_800
    apps: Annotated[dict[Name, App], Field(min_length=1)]

    @field_validator("tokens")
    @classmethod
    def _name_each_once(cls, tokens: list[Token]) -> list[Token]:
        """The name is who asked; of two with the same name only one would be valid."""
        names = [token.name for token in tokens]
        for name in names:
            if names.count(name) > 1:
                message = f"two tokens are named {name}; give each a name of its own"
                raise ValueError(message)
        return tokens

    @model_validator(mode="after")
    def _grant_what_is_there(self) -> Self:
        """A grant for an app that does not exist is a slip of the pen: somebody may not do what was meant."""
        if (self.sign_in is None) != (not self.grants):
            message = "sign_in and grants belong together: name both or none"
            raise ValueError(message)
        for app in (app for grant in self.grants for app in grant.apps):
            if app not in self.apps:
                message = f"grants name the app {app}, which is not among apps"
                raise ValueError(message)
        for token in self.tokens:
            for app in (app for app in token.apps if app not in self.apps):
                message = f"the token {token.name} is for the app {app}, which is not among apps"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _tell_of_what_is_there(self) -> Self:
        for name, channel in self.channels.items():
            for app in channel.apps:
                if app not in self.apps:
                    message = f"the channel {name} is for the app {app}, which is not among apps"
                    raise ValueError(message)
                if not channel.covers(app, self.apps[app].webhook):
                    message = f"the channel {name} is for the app {app}, whose webhook is not of its host"
                    raise ValueError(message)
        return self

    def queue_of(self, app: str, tag: str = "") -> str:
        """The queue of an app's jobs for a tag: that of the first pattern that fits, else the app's."""
        configured = self.apps[app]
        chosen = (name for glob, name in configured.queue_by_tag.items() if fnmatchcase(tag, glob))
        return next(chosen, configured.queue or app)

    def queues_of(self, app: str) -> tuple[str, ...]:
        """Every queue that a job of an app may stand in, its usual one first."""
        configured = self.apps[app]
        return tuple(dict.fromkeys([configured.queue or app, *configured.queue_by_tag.values()]))

    def release_secrets(self, app: str) -> list[Secret]:
        """Every secret that a release of the app carries, and so its log must not show.

        Raises:
            ConfigError: one of them can't be read.
        """
        configured = self.find_app(app)
        if configured is None:
            return []
        values = [value for by_color in configured.values_by_color.values() for value in by_color.values()]
        candidates = [*values, *configured.manifests.variables.values(), configured.registry.password]
        return [one.resolve() for one in candidates if isinstance(one, ValueReference)]

    def find_app(self, name: str) -> App | None:
        """The app of that name, if there is one."""
        return self.apps.get(name)
