"""What templates may use from the configuration: values per color, and the names of ``envsubst``.

Secrets are read here, at the moment of use, and stay ``Secret`` until the manifests are complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.config import ConfigError, SecretReference
from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.config import App
    from release.model import Color
    from release.secret import Secret


def values_for(app: App, color: Color) -> dict[str, object]:
    """The app's values, those of the color over them (a whole value replaces a whole value).

    Raises:
        Problem: ``secret-missing``.
    """
    return {**app.values, **_resolved(app.values_by_color.get(color, {}))}


def variables_for(app: App) -> dict[str, str | Secret]:
    """The names that the app declares for ``$NAME``.

    Raises:
        Problem: ``secret-missing``.
    """
    return {
        name: value if isinstance(value, str) else _resolve(name, value)
        for name, value in app.manifests.variables.items()
    }


def _resolved(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: _resolve(name, value) if isinstance(value, SecretReference) else value
        for name, value in values.items()
    }


def _resolve(name: str, reference: SecretReference) -> Secret:
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
