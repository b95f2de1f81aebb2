"""The kubeconfig through which clients reach the sandbox, and what makes kubectl send its token.

The sandbox speaks plain HTTP on 127.0.0.1, where kubectl drops a kubeconfig's bearer token (and refuses an
address with a password for exec). So the token also stands in the path: `http://127.0.0.1:PORT/as/TOKEN`. Any
other client sends the token in its header as usual.
"""

from pathlib import Path

import yaml

NAME = "verdigris-sandbox"
_PREFIX = "/as/"


def write_kubeconfig(path: Path, server_url: str, token: str) -> None:
    """Write the kubeconfig, readable by its owner only; it replaces what stood there in one step."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": NAME,
        "clusters": [{"name": NAME, "cluster": {"server": f"{server_url}{_PREFIX}{token}"}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "users": [{"name": NAME, "user": {"token": token}}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    fresh.replace(path)


def split_token(path: str) -> tuple[str | None, str]:
    """The Authorization that a request's path carries, None without, and the path that is left."""
    if not path.startswith(_PREFIX):
        return None, path
    token, _, rest = path.removeprefix(_PREFIX).partition("/")
    return f"Bearer {token}", f"/{rest}"
