"""What the `kubernetes` client knows of each type of Kubernetes: its fields, their types and descriptions."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from sandbox.api.openapi.source import KUBERNETES, STRING, read_sources, read_string, read_table

_HEAD: Final = '(BaseModel):\n    """\n'
_HEAD_END: Final = "\n\n    Attributes:"
_FIELDS_END: Final = "    openapi_types: ClassVar"
_FIELD: Final = re.compile(r"^    (\w+): (.+)$", re.MULTILINE)
_DESCRIPTION: Final = re.compile(rf"\bdescription=({STRING})")
_NO_DESCRIPTION: Final = "No description"


@dataclass(frozen=True)
class Field:
    """One field. `of` is the client's word for its type: `str`, `List[V1Container]`, `Dict[str, str]`."""

    name: str
    of: str
    description: str
    required: bool


@dataclass(frozen=True)
class Model:
    """One type. `name` is the client's, such as `V1PodSpec`."""

    name: str
    description: str
    fields: tuple[Field, ...]

    @property
    def is_kind(self) -> bool:
        """Whether its objects say what they are."""
        return {"apiVersion", "kind"} <= {field.name for field in self.fields}


@cache
def load_models() -> dict[str, Model]:
    """All types by the client's names; empty where the client's code is not understood."""
    models = (_read_model(text) for _, text in read_sources(KUBERNETES, "kubernetes/client/models"))
    return {model.name: model for model in models if model is not None}


def _read_model(text: str) -> Model | None:
    before, head, after = text.partition(_HEAD)
    described, end, rest = after.partition(_HEAD_END)
    if not head or not end:
        return None
    declarations, _, tables = rest.partition(_FIELDS_END)
    types, names = read_table(_FIELDS_END + tables, "openapi_types"), read_table(tables, "attribute_map")
    declared = dict(_FIELD.findall(declarations))
    fields = tuple(_read_field(names[key], of, declared.get(key, "")) for key, of in types.items())
    said = " ".join(described.split())
    return Model(before.rpartition(" ")[2], "" if said.startswith(_NO_DESCRIPTION) else said, fields)


def _read_field(name: str, of: str, declared: str) -> Field:
    described = _DESCRIPTION.search(declared)
    return Field(
        name,
        "int-or-string" if "StrictInt | StrictStr" in declared else of,
        read_string(described.group(1)) if described else "",
        required=bool(declared) and not declared.startswith(("Optional[", "Any")),
    )
