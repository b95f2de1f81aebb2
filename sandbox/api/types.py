"""The types of the served kinds, read from the data files in `schema/`.

One model serves everything that asks what a field is: unknown fields, wrong types, field ownership, merging
of patches and the OpenAPI document. Rules about values (a selector that matches) stay in `validation`.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from sandbox.store import Json

SCHEMA_DIRECTORY = Path(__file__).parent / "schema"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one takes a tenth of the time
SCALARS = frozenset({"string", "integer", "number", "boolean", "quantity", "int-or-string", "time"})


@dataclass(frozen=True)
class Scalar:
    """A single value; `name` is the word of the data file."""

    name: str
    default: str | None = None


@dataclass(frozen=True)
class Anything:
    """A value that nobody looks into."""


@dataclass(frozen=True)
class StructRef:
    """A named struct; looked up when it is walked, since structs may contain themselves."""

    name: str


@dataclass(frozen=True)
class MapType:
    """Free keys, values of one type."""

    values: "Type"
    atomic: bool = False


@dataclass(frozen=True)
class ListType:
    """Entries of one type. With `keys` or `is_set` they merge one by one, else the list is one field."""

    entries: "Type"
    keys: tuple[str, ...] = ()
    is_set: bool = False

    @property
    def atomic(self) -> bool:
        """Whether the list is one field."""
        return not self.keys and not self.is_set


Type = Scalar | Anything | StructRef | MapType | ListType


@dataclass(frozen=True)
class Struct:
    """Named fields."""

    name: str
    fields: dict[str, Type] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    atomic: bool = False
    choice: bool = False


ANYTHING = Anything()


def parse_type(text: str) -> Type:
    """The type that one line of the data files describes; kubernetes.yaml explains the notation."""
    outer, of, inner = text.partition(" of ")
    if of and outer.endswith("map"):
        return MapType(parse_type(inner), atomic=outer.startswith("atomic"))
    if of:
        keys = tuple(outer.removeprefix("list by ").split(",")) if outer.startswith("list by ") else ()
        return ListType(parse_type(inner), keys=keys, is_set=outer == "set")
    name, _, default = text.partition(" = ")
    if name in SCALARS:
        return Scalar(name, default or None)
    return ANYTHING if name == "any" else StructRef(name)


@cache
def load_structs() -> dict[str, Struct]:
    """All structs of all data files, by name."""
    structs: dict[str, Struct] = {}
    for path in sorted(SCHEMA_DIRECTORY.glob("*.yaml")):
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 -- a safe one
        atomic, choice = set(document["atomic"]), set(document.get("choice", ()))
        for name, fields in document["types"].items():
            structs[name] = _parse_struct(name, fields, atomic=name in atomic, choice=name in choice)
    return structs


def get_struct(name: str) -> Struct:
    """The struct of that name; a KeyError is a mistake in the data files."""
    return load_structs()[name]


def find_struct(of: Type) -> Struct | None:
    """The struct behind a type, None for everything that is no struct."""
    return get_struct(of.name) if isinstance(of, StructRef) else None


def is_atomic(of: Type) -> bool:
    """Whether a value of this type is one field for merging and ownership."""
    if isinstance(of, StructRef):
        return get_struct(of.name).atomic
    if isinstance(of, MapType | ListType):
        return of.atomic
    return True


def find_field(of: Type, name: str) -> Type | None:
    """The type of a struct's field or of a map's value; None when there is no such field."""
    if isinstance(of, StructRef):
        return get_struct(of.name).fields.get(name)
    return of.values if isinstance(of, MapType) else None


def get_entry_key(of: ListType, entry: Json) -> tuple[Json, ...]:
    """What identifies an entry of a merging list: its key fields (with defaults), or the entry itself."""
    if not of.keys:
        return (entry,)
    return tuple(entry.get(key, _find_default(of.entries, key)) for key in of.keys)


def _find_default(of: Type, name: str) -> str | None:
    found = find_field(of, name)
    return found.default if isinstance(found, Scalar) else None


def _parse_struct(name: str, fields: dict[str, str], *, atomic: bool, choice: bool) -> Struct:
    return Struct(
        name=name,
        fields={key.removesuffix("!"): parse_type(text) for key, text in fields.items()},
        required=frozenset(key.removesuffix("!") for key in fields if key.endswith("!")),
        atomic=atomic,
        choice=choice,
    )
