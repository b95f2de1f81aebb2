"""`verdigris check-config`: read the configuration as every process does at its start."""

from __future__ import annotations

import os
from pathlib import Path

import click

from cli.failures import Exit
from release.environment import Settings
from release.loading import check_secrets, parse_config, read_text, secret_references
from release.references import ConfigError
from webhook.endpoints import resolve_endpoints


@click.command
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--without-secrets", is_flag=True, help="Don't read secrets: they are elsewhere, as in CI.")
def check_config(file: Path | None, *, without_secrets: bool) -> None:
    """Check the configuration file.

    FILE is VERDIGRIS_CONFIG, else verdigris.yml. Every mistake is told with its line, and every secret that
    is missing, blank or short in this environment.
    """
    path = file or Settings.read(os.environ).config
    try:
        summary = describe(path, without_secrets=without_secrets)
    except ConfigError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(Exit.FAILED) from None
    click.echo(summary)


def describe(path: Path, *, without_secrets: bool) -> str:
    """What a good file holds, in a line.

    Raises:
        ConfigError: it is not good.
    """
    text = read_text(path)
    config = parse_config(text, name=str(path))
    count = len(list(secret_references(config)))
    if not without_secrets:
        check_secrets(config, text, name=str(path), environment=os.environ)
        resolve_endpoints(config)
    secrets = "not read" if without_secrets else "readable"
    return f"{path}: good; apps: {', '.join(config.apps)}; secrets: {count}, {secrets}"
