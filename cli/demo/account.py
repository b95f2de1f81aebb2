"""The account that the demo's workers have: a service account bound by ``deploy/app-role``, as on a cluster.

The Role is read from the folder that people apply, so that the demo shows that it is enough; the sandbox
writes down what was done with it, and what was refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from sandbox.api.usage import read_usage
from sandbox.api.users import service_account

if TYPE_CHECKING:
    from sandbox.api.usage import Use

# Beside our packages, in a checkout as in an installed wheel: it holds data and is none itself.
FOLDER: Final = Path(__file__).parents[2] / "deploy" / "app-role"
FILES: Final = ("role.yml", "role-binding.yml")


@dataclass(frozen=True)
class Account:
    """A service account, and the objects that allow it what it may do in the demo's namespace."""

    namespace: str
    name: str
    objects: tuple[dict[str, Any], ...]

    @property
    def path(self) -> str:
        """NAMESPACE/NAME, as the sandbox wants it."""
        return f"{self.namespace}/{self.name}"

    def as_yaml(self) -> str:
        """The objects, for the sandbox to begin with."""
        return yaml.safe_dump_all(self.objects, sort_keys=False)

    def uses(self, written: Path) -> list[Use]:
        """What the account did and wanted to do, as the sandbox wrote it down."""
        user = service_account(self.namespace, self.name).name
        return [use for use in read_usage(written) if use.user == user]


def read_account(namespace: str, *, folder: Path = FOLDER) -> Account:
    """The account that ``deploy/app-role`` binds, with its objects put into a namespace.

    That is what ``kubectl apply -k deploy/app-role -n NAMESPACE`` does.
    """
    objects = [yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in FILES]
    placed = [{**obj, "metadata": {**obj["metadata"], "namespace": namespace}} for obj in objects]
    subject = placed[-1]["subjects"][0]
    return Account(subject["namespace"], subject["name"], tuple(placed))
