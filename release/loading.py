"""From the file to the configuration: reading, checking, and every secret that it refers to.

A mistake is told with its line and field; what is right and wrong is in ``config``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from release.config import Config
from release.document import NoDocument, read_document
from release.findings import describe, dotted
from release.references import ConfigError, SecretReference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from release.document import Document, Location


def load_config(path: Path) -> Config:
    """Read and check the file.

    Raises:
        ConfigError: it is missing, no YAML, or wrong; every finding with its line.
    """
    return parse_config(read_text(path), name=str(path))


def read_text(path: Path) -> str:
    """The text of the file.

    Raises:
        ConfigError: it is missing, not ours to read, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: can't be read ({error.strerror}); start from verdigris.example.yml"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no UTF-8 text (byte {error.start}); save it as UTF-8") from error


def parse_config(text: str, *, name: str) -> Config:
    """Check the text of a file called ``name``.

    Raises:
        ConfigError: as ``load_config``.
    """
    try:
        document = read_document(text)
    except NoDocument as error:
        raise ConfigError(f"{name}:{error.line}: no valid YAML: {error}") from error
    config, findings = _validate(document)
    findings += [(line, f"{field}: stands twice; keep one") for line, field in document.repeated()]
    if config is None or findings:
        raise ConfigError("\n".join(f"{name}:{line}: {what}" for line, what in sorted(findings)))
    return config


def check_secrets(
    config: Config, text: str, *, name: str, environment: Mapping[str, str] = os.environ
) -> None:
    """Resolve every secret that the configuration, read from ``text``, refers to.

    Raises:
        ConfigError: some can't be used; each with the line that refers to it.
    """
    document = read_document(text)
    findings = []
    for location, reference in secret_references(config):
        try:
            reference.resolve(environment)
        except ConfigError as error:
            findings.append(f"{name}:{document.line_of(location)}: {dotted(location)}: {error}")
    if findings:
        raise ConfigError("\n".join(findings))


def secret_references(part: object, above: Location = ()) -> Iterator[tuple[Location, SecretReference]]:
    """Every reference to a secret in a part of the configuration, with where it stands."""
    if isinstance(part, SecretReference):
        yield above, part
        return
    if isinstance(part, BaseModel):
        part = dict(part)
    if isinstance(part, list):
        part = dict(enumerate(part))
    for key, value in part.items() if isinstance(part, dict) else ():
        yield from secret_references(value, (*above, key))


def _validate(document: Document) -> tuple[Config | None, list[tuple[int, str]]]:
    """The configuration, or what is wrong with it, by line."""
    if document.data is None:
        return None, [(1, "the file is empty; start from verdigris.example.yml")]
    try:
        return Config.model_validate(document.data), []
    except ValidationError as error:
        return None, describe(error.errors(include_url=False, include_input=False), document)
