"""The article's own form: ``$NAME`` and ``${NAME}``, for the names we know and no others.

``envsubst`` puts any text anywhere, so a value with a colon or a line end becomes structure. Here a plain
word goes in as it stands (``replicas: $REPLICAS`` stays a number); any other value, and every secret, goes in
after the YAML is parsed and is always one string.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from source.documents import Unusable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from release.secret import Secret
    from source.placeholders import Placeholders

KNOWN: Final = frozenset({"COLOR_TEST", "COLOR_ACTIVE", "SEMAPHORE_WORKFLOW_ID", "DOCKER_USERNAME"})
"""Names that always mean something: used without a value, they are told instead of left standing."""

_REFERENCE: Final = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_WORD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*")


def substitute(
    text: str,
    variables: Mapping[str, str | Secret],
    placeholders: Placeholders,
    *,
    file: str,
    declared: Collection[str] = (),
) -> str:
    """The text with known names replaced; what nobody declared stays as it is.

    ``declared``: names that have a value for some color, so that they never stand for themselves.

    Raises:
        Unusable: a name of the article's form, or a declared one, without a value.
    """

    def replace(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name not in variables and (name in KNOWN or name in declared):
            line = text.count("\n", 0, reference.start()) + 1
            where = "values_by_color, for this color too" if name in declared else "manifests.variables"
            what = f"${name} has no value: declare it under the app's {where}"
            raise Unusable(what, file=file, line=line)
        return _form(variables[name], placeholders) if name in variables else reference[0]

    return _REFERENCE.sub(replace, text)


def _form(value: str | Secret, placeholders: Placeholders) -> str:
    is_word = isinstance(value, str) and _WORD.fullmatch(value)
    return str(value) if is_word else placeholders.put(value)
