"""What each web process of the tests would compile anew is compiled once: half of their time.

A route and a template compile to the same code whatever the configuration: nothing is told apart less by it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from werkzeug.routing import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jinja2.bccache import Bucket

_builders: Final[dict[tuple[object, ...], Callable[..., tuple[str, str]]]] = {}
_templates: Final[dict[str, bytes]] = {}


class CompiledRule(Rule):
    """What makes addresses out of a route gets all but the route's text from ``self``, when it is called."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: FBT001, FBT002 -- as werkzeug has it
        what = (self.rule, append_unknown, tuple(self._trace), tuple((self.defaults or {}).items()))
        if what not in _builders:
            _builders[what] = super()._compile_builder(append_unknown)
        return _builders[what]


class CompiledTemplates(BytecodeCache):
    """A template that was changed meanwhile is compiled again: its sum is a part of the bucket."""

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in _templates:
            bucket.bytecode_from_string(_templates[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        _templates[bucket.key] = bucket.bytecode_to_string()


@contextmanager
def compiled_once() -> Iterator[None]:
    """Every ``Flask`` that is made within."""
    options: dict[str, Any] = {**Flask.jinja_options, "bytecode_cache": CompiledTemplates()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "url_rule_class", CompiledRule)
        patch.setattr(Flask, "jinja_options", options)
        yield
