"""`verdigris check-config`: read the configuration as every process does at its start."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from cli.failures import Exit
from release.environment import Settings
from release.loading import check_secrets, parse_config, read_text, secret_references
from release.references import ConfigError
from webhook.endpoints import resolve_endpoints


@click.command
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--without-secrets", is_flag=True, help="Don't read secrets: they are elsewhere, as in CI.")
@click.option("--json", "is_json", is_flag=True, help="Write JSON, for programs.")
def check_config(file: Path | None, *, without_secrets: bool, is_json: bool) -> None:
    """Check the configuration file.

    FILE is VERDIGRIS_CONFIG, else verdigris.yml. Every mistake is told with its line, and every secret that
    is missing, blank or short in this environment.
    """
    path = file or Settings.read(os.environ).config
    try:
        found = examine(path, without_secrets=without_secrets)
    except ConfigError as error:
        mistakes = str(error)
        click.echo(mistakes, err=True)
        if is_json:
            click.echo(json.dumps({"file": str(path), "good": False, "mistakes": mistakes.splitlines()}))
        raise click.exceptions.Exit(Exit.FAILED) from None
    click.echo(json.dumps(found) if is_json else tell(found))


def examine(path: Path, *, without_secrets: bool) -> dict[str, Any]:
    """What a good file holds.

    Raises:
        ConfigError: it is not good.
    """
    text = read_text(path)
    config = parse_config(text, name=str(path))
    count = len(list(secret_references(config)))
    if not without_secrets:
        check_secrets(config, text, name=str(path), environment=os.environ)
        resolve_endpoints(config)
    return {
        "file": str(path),
        "good": True,
        "apps": list(config.apps),
        "secrets": count,
        "secrets_read": not without_secrets,
    }


def tell(found: dict[str, Any]) -> str:
    """The same in a line."""
    secrets = "readable" if found["secrets_read"] else "not read"
    apps = ", ".join(found["apps"])
    return f"{found['file']}: good; apps: {apps}; secrets: {found['secrets']}, {secrets}"
