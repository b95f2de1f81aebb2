"""How the configuration refers to a secret: by the place that keeps it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from release.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

MINIMUM_SECRET_LENGTH = 16


class ConfigError(Exception):
    """The file can't be used; the message lists every finding as ``file:line: field: what``."""


STRICT: Final = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
"""Unknown fields are mistakes, nothing changes after reading."""


class SecretReference(BaseModel):
    """Where a secret is kept: exactly one of an environment variable's name and a file's path."""

    model_config = STRICT
    minimum: ClassVar[int] = MINIMUM_SECRET_LENGTH

    env: Annotated[str | None, Field(min_length=1)] = None
    file: Path | None = None

    @model_validator(mode="after")
    def _name_one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            message = "name exactly one of env and file"
            raise ValueError(message)
        return self

    def resolve(self, environment: Mapping[str, str] = os.environ) -> Secret:
        """Read the secret.

        Raises:
            ConfigError: it is missing, blank or too short.
        """
        place = f"environment variable {self.env}" if self.env else f"file {self.file}"
        try:
            text = environment[self.env] if self.env else Path(self.file or "").read_text(encoding="utf-8")
        except (KeyError, OSError, ValueError) as error:  # ValueError: a file that is no text
            raise ConfigError(f"the secret in {place} can't be read: set it") from error
        value = text.strip()
        if not value:
            raise ConfigError(f"the secret in {place} is blank: set it")
        if len(value) < self.minimum:
            raise ConfigError(
                f"the secret in {place} has fewer than {self.minimum} characters: use a longer one"
            )
        return Secret(value)


class ValueReference(SecretReference):
    """Where a value for the app's manifests is kept: the app decides how short it may be."""

    minimum: ClassVar[int] = 1


def _kind_of(value: object) -> str:
    """Mappings are references, so that a mistake in one is told as that and not as "no text"."""
    return "reference" if isinstance(value, dict | SecretReference) else "plain"


TextOrReference = Annotated[
    Annotated[str, Tag("plain")] | Annotated[ValueReference, Tag("reference")],
    Discriminator(_kind_of),
]
ValueOrReference = Annotated[
    Annotated[str | int | bool, Tag("plain")] | Annotated[ValueReference, Tag("reference")],
    Discriminator(_kind_of),
]
