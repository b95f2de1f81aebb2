"""What templates may use from the configuration: values per color, and the names of ``envsubst``.

Secrets are read here, at the moment of use, and stay ``Secret`` until the manifests are complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.problems import Problem
from release.references import ConfigError, SecretReference
from release.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.config import App
    from release.model import Color


def values_for(app: App, color: Color) -> dict[str, object]:
    """The app's values, those of the color over them (a whole value replaces a whole value).

    Raises:
        Problem: ``secret-missing``.
    """
    return {**app.values, **_resolved(app.values_by_color.get(color, {}))}


def variables_for(app: App, color: Color) -> dict[str, str | Secret]:
    """The names that the app declares for ``$NAME``; those of the color over those of both.

    Raises:
        Problem: ``secret-missing``.
    """
    by_color = _resolved(app.values_by_color.get(color, {}))
    return {
        **{
            name: value if isinstance(value, str) else resolve(name, value)
            for name, value in app.manifests.variables.items()
        },
        **{name: value if isinstance(value, Secret) else _word(value) for name, value in by_color.items()},
    }


def names_by_color(app: App) -> frozenset[str]:
    """The names that have a value for some color: one that lacks it for another is a mistake."""
    return frozenset(name for values in app.values_by_color.values() for name in values)


def _word(value: object) -> str:
    """A value as YAML writes it, so that it is the same value again when it is read."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _resolved(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: resolve(name, value) if isinstance(value, SecretReference) else value
        for name, value in values.items()
    }


def resolve(name: str, reference: SecretReference) -> Secret:
    """The secret that a field named ``name`` refers to.

    Raises:
        Problem: ``secret-missing``.
    """
    try:
        return reference.resolve()
    except ConfigError as error:
        raise Problem(
            "secret-missing",
            "a value of the configuration can't be read",
            detail=f"{name}: {error}",
            next_step="give the workers that environment variable or file, then retry the release",
            status=422,
        ) from error
