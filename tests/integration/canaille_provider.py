"""A real OpenID provider, Canaille, with a few people: runs as a process of its own.

Arguments: the port (0: any), the file of its key, and the addresses of those who may be its client. It prints
its address once it listens.
"""

from __future__ import annotations

import logging
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from canaille.backends.memory.backend import MemoryBackend
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

PEOPLE = {"maria": ["sre", "cooks"], "omar": ["auditors"], "nina": ["cooks"], "zoe": []}
PASSWORD = "a password that only tests know"
SECRET = "a client secret that only tests know"


find_any = MemoryBackend.do_query


def find_exactly(backend: MemoryBackend, model: type, *args: object, **wanted: object) -> list[Any]:
    """What fits to every attribute. Canaille's own finds what fits to any: a client's other code."""
    every = [find_any(backend, model, *args, **{name: value}) for name, value in wanted.items()]
    if not every:
        return find_any(backend, model, *args)
    ids = set.intersection(*({one.id for one in found} for found in every))
    return [one for one in every[0] if one.id in ids]


def settings(port: int, key: Path) -> dict[str, object]:
    if not key.exists():
        key.write_bytes(RSAKey.generate_key(2048).as_pem(private=True))
    return {
        "SECRET_KEY": "a secret key of the provider's own",
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False, "SMTP": None},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.read_text()]},
    }


def add_people() -> None:
    users = {
        name: models.User(
            user_name=name,
            formatted_name=name.title(),
            family_name=name.title(),
            display_name=name,
            emails=[f"{name}@example.com"],
            password=PASSWORD,
        )
        for name in PEOPLE
    }
    for user in users.values():
        Backend.instance.save(user)
    for group in sorted({group for groups in PEOPLE.values() for group in groups}):
        members = [users[name] for name, groups in PEOPLE.items() if group in groups]
        Backend.instance.save(models.Group(display_name=group, members=members))


def add_client(addresses: list[str]) -> None:
    client = models.Client(
        client_id="verdigris",
        client_secret=SECRET,
        client_name="Verdigris",
        client_uri=addresses[0],
        client_id_issued_at=datetime.now(UTC),
        redirect_uris=[f"{address}/login/callback" for address in addresses],
        post_logout_redirect_uris=[f"{address}/login" for address in addresses],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_basic",
    )
    Backend.instance.save(client)
    client.audience = [client]  # what tokens are for; it can name only what was kept
    Backend.instance.save(client)


def main(port: int, key: Path, addresses: list[str]) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    MemoryBackend.do_query = find_exactly
    with socket.create_server(("127.0.0.1", port)) as listener:
        own = listener.getsockname()[1]
        app = create_app(config=settings(own, key))
        with app.app_context():
            add_people()
            add_client(addresses)
        server = make_server("127.0.0.1", own, app, threaded=True, fd=listener.fileno())
        sys.stdout.write(f"http://127.0.0.1:{own}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
