"""The configuration file, the secrets it refers to, webhooks, and the folder for clones."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from release.loading import parse_config, read_text, secret_references
from release.references import ConfigError
from worker.checkup.lines import failed, ok, unseen, warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from release.config import App, Config
    from release.environment import Settings
    from release.origins import Webhook
    from release.references import SecretReference
    from worker.checkup.lines import Line

HERE_ALONE: Final = frozenset({"127.0.0.1", "localhost", "::1"})
HOOK_PAGES: Final = {
    "github": "https://github.com/{}/settings/hooks",
    "gitlab": "https://gitlab.com/{}/-/hooks",
    "bitbucket": "https://bitbucket.org/{}/admin/webhooks",
}
SESSION_KEY: Final = "VERDIGRIS_SECRET_KEY"
PLAIN: Final = "$(openssl rand -hex 32)"
SIGNING: Final = "whsec_$(openssl rand -base64 32)"
"""A new secret as a shell makes it; the second in the form of Standard Webhooks, 32 bytes behind a prefix."""

ASK_IT: Final = (
    "the web process does not start without it: use --url, or `kubectl -n verdigris logs deploy/web`"
)


def read_configuration(path: Path) -> tuple[Config | None, list[Line]]:
    """The configuration, with a line; or a line for each mistake in it."""
    about = f"configuration {path}"
    try:
        config = parse_config(read_text(path), name=str(path))
    except ConfigError as error:
        fix = (
            "correct it, or name another file in VERDIGRIS_CONFIG; docs/configuration.md explains each field"
        )
        return None, [failed(about, finding, fix=fix) for finding in str(error).splitlines()]
    return config, [ok(about, f"good; apps: {len(config.apps)}")]


def look_at_secrets(config: Config, settings: Settings, environment: Mapping[str, str]) -> list[Line]:
    """API tokens, which the web process reads, and each app's values, which workers read."""
    tokens = [token.value for token in config.tokens]
    lines = _look_at(
        "API tokens", tokens, environment, is_web=settings.secret_key is None, setting="tokens[].value"
    )
    if settings.secret_key is not None:
        lines.append(_look_at_session_key(settings))
    for name, app in config.apps.items():
        values = [one for _, one in secret_references([app.values_by_color, app.manifests])]
        setting = f"apps.{name}.values_by_color and manifests.variables"
        lines += _look_at(f"values of {name}", values, environment, is_web=False, setting=setting)
    return lines


def _look_at_session_key(settings: Settings) -> Line:
    try:
        settings.get_secret_key()
    except ConfigError as error:
        return failed("session key", str(error), fix=f"{SESSION_KEY}={PLAIN}")
    return ok("session key", f"{SESSION_KEY} is long enough")


def look_at_webhook(
    name: str, webhook: Webhook, settings: Settings, environment: Mapping[str, str]
) -> list[Line]:
    """The secrets of one app's webhook, and where the host tells whether its deliveries arrive."""
    about, setting = f"webhook of {name}", f"apps.{name}.webhook.secrets"
    is_web, new = settings.secret_key is None, SIGNING if webhook.provider == "generic" else PLAIN
    if webhook.provider == "gitlab":
        setting = f"{setting} (for a signing token of GitLab: `{SIGNING}`)"
    lines = _look_at(about, webhook.secrets, environment, is_web=is_web, setting=setting, new=new)
    target = f"{settings.public_url}/webhooks/{webhook.provider}"
    if urlsplit(settings.public_url).hostname in HERE_ALONE:
        fix = "set VERDIGRIS_PUBLIC_URL to the https:// address at which the Git host reaches the web process"
        lines.append(warning(about, f"deliveries go to {target}, which only this machine reaches", fix=fix))
        return lines
    where = HOOK_PAGES.get(webhook.provider, "the host's page of webhooks for {}").format(webhook.repository)
    lines.append(ok(about, f"{where} should name {target} and show its last delivery as done"))
    return lines


def _look_at(
    about: str,
    references: Iterable[SecretReference],
    environment: Mapping[str, str],
    *,
    is_web: bool,
    setting: str,
    new: str = PLAIN,
) -> list[Line]:
    """``is_web``: these are the web process' own, and this does not look like its environment.

    ``new``: a good secret of their kind, as a shell makes it.
    """
    count, lines, absent = 0, [], []
    for reference in references:
        count += 1
        if is_web and _is_absent(reference, environment):
            absent.append(reference.env or str(reference.file))
            continue
        try:
            reference.resolve(environment)
        except ConfigError as error:
            lines.append(failed(about, str(error), fix=_remedy(reference, setting, new)))
    if absent:
        why = f"{', '.join(absent)}: not here, and only the web process needs it"
        lines.append(unseen(about, why, fix=ASK_IT))
    if count and not lines:
        lines.append(ok(about, f"secrets: {count}, readable and long enough"))
    return lines


def _is_absent(reference: SecretReference, environment: Mapping[str, str]) -> bool:
    if reference.env:
        return reference.env not in environment
    return reference.file is not None and not reference.file.exists()


def _remedy(reference: SecretReference, setting: str, new: str) -> str:
    if reference.env:
        return f"`export {reference.env}={new}`, or correct {setting}"
    return f"`echo {new} > {reference.file}`, or correct {setting}"


def look_at_folder(data: Path) -> list[Line]:
    """Workers keep clones there and check releases out."""
    about = f"data folder {data}"
    try:
        data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as error:
        fix = "let the user of the workers write there, or name another folder in VERDIGRIS_DATA"
        return [failed(about, error.strerror or str(error), fix=fix)]
    return [ok(about, "writable")]


def apps_of(config: Config, only: str | None) -> Mapping[str, App]:
    """All apps, or the one that is asked for."""
    return {name: app for name, app in config.apps.items() if only in {None, name}}
