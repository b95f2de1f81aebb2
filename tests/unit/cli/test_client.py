"""The HTTP client: what it sends, and what each answer becomes."""

from __future__ import annotations

import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest
import requests
from requests.adapters import HTTPAdapter

from cli.client import Client
from cli.failures import Away, Exit, Failure, Refusal
from cli.profile import Connection
from release.secret import Secret
from tests.unit.cli.canned import TOKEN, problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.cli.canned import CannedServer, Terminal


class HangUp(threading.Thread):
    """Takes one connection, reads from it, and closes it without an answer."""

    def __init__(self, listening: socket.socket) -> None:
        super().__init__()
        self._listening = listening

    def run(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Failing(HTTPAdapter):
    """Raises instead of sending."""

    def __init__(self, error: requests.RequestException) -> None:
        super().__init__()
        self._error = error

    def send(self, *_: object, **__: object) -> requests.Response:
        raise self._error


@pytest.fixture
def client(server: CannedServer) -> Iterator[Client]:
    with Client(Connection(server.url, Secret(TOKEN))) as made:
        yield made


@pytest.fixture
def closed_port() -> str:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_the_token_is_sent_as_a_header(client: Client, server: CannedServer) -> None:
    server.answer("GET /apps", {})

    client.get("apps")

    assert server.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_netrc_file_does_not_replace_the_token(
    terminal: Terminal, server: CannedServer, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password other\n", encoding="utf-8")
    terminal.environment |= {"NETRC": str(tmp_path / ".netrc")}
    server.answer("GET /apps", {"apps": []})

    assert terminal.run("apps").exit_code == 0
    assert server.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_without_a_token_no_header_is_sent(server: CannedServer) -> None:
    server.answer("GET /apps", {})

    with Client(Connection(server.url, None)) as client:
        client.get("apps")

    assert "Authorization" not in server.asked[0].headers


@pytest.mark.parametrize(("status", "code"), [(401, 4), (403, 4), (404, 1), (409, 1), (422, 1), (500, 1)])
def test_a_refusal_keeps_the_servers_words(
    client: Client, server: CannedServer, status: int, code: int
) -> None:
    server.refuse("POST /apps/shop/promote", problem(status=status))

    with pytest.raises(Refusal) as caught:
        client.post("apps", "shop", "promote")

    assert (caught.value.message, caught.value.detail) == ("No release is ready", "shop: none waits")
    assert caught.value.exit_code == code
    assert caught.value.status == status


def test_who_is_not_signed_in_is_told_how(terminal: Terminal, server: CannedServer) -> None:
    terminal.environment |= {"VERDIGRIS_TOKEN": None}
    server.refuse("GET /apps", problem("not-authorized", status=401))

    result = terminal.run("apps")

    assert result.exit_code == 4
    assert "no token is set\nNext: set VERDIGRIS_TOKEN or give --token-file" in result.stderr


def test_a_refusal_that_is_no_problem_document_is_told_by_its_status(
    client: Client, server: CannedServer
) -> None:
    server.answer("GET /apps", b"<html>oops</html>", status=500)

    with pytest.raises(Refusal, match=r"http://127\.0\.0\.1:\d+ answered 500"):
        client.get("apps")


@pytest.mark.parametrize("content", [b"<html>Welcome</html>", ["a", "list"]])
def test_an_answer_that_is_none_of_ours_is_told(
    client: Client, server: CannedServer, content: object
) -> None:
    server.answer("GET /apps", content)

    with pytest.raises(Failure, match="did not answer as Verdigris does"):
        client.get("apps")


def test_a_redirect_is_not_followed_with_the_token(client: Client, server: CannedServer) -> None:
    server.answer("POST /apps/shop/promote", {}, status=308, Location="https://other.example.com/api/v1/apps")

    with pytest.raises(Refusal) as caught:
        client.post("apps", "shop", "promote")

    assert "https://other.example.com/api/v1/apps" in caught.value.detail
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (503, "5", 5),
        (503, "86400", 60),
        (503, "Wed, 21 Oct 2026 07:28:00 GMT", 1),
        (429, "2", 2),
        (504, "", 1),
    ],
)
def test_a_server_that_can_not_answer_now_says_when_to_ask_again(
    client: Client, server: CannedServer, status: int, header: str, seconds: float
) -> None:
    server.refuse("GET /apps", problem("not-durable", status=status), Retry_After=header)

    with pytest.raises(Away) as caught:
        client.get("apps")

    assert caught.value.retry_after == seconds
    assert caught.value.exit_code is Exit.UNREACHABLE


def test_503_ends_a_command_with_3(terminal: Terminal, server: CannedServer) -> None:
    server.refuse("POST /apps/shop/promote", problem("not-durable", status=503), Retry_After="5")

    result = terminal.run("promote", "shop")

    assert result.exit_code == 3
    assert len(server.asked) == 1


def test_a_proxy_without_words_is_told_by_its_status(client: Client, server: CannedServer) -> None:
    server.answer("GET /apps", b"", status=502)

    with pytest.raises(Away, match=r"can't answer now \(502\)"):
        client.get("apps")


def test_a_refused_connection_is_told_in_the_systems_words(terminal: Terminal, closed_port: str) -> None:
    terminal.environment |= {"VERDIGRIS_SERVER": closed_port}

    read, changed = terminal.run("apps"), terminal.run("promote", "shop")

    assert read.exit_code == changed.exit_code == 3
    assert read.stderr == changed.stderr
    assert read.stderr == (
        f"Error: {closed_port} can't be reached\nConnection refused\n"
        "Next: check the address, and that the web process runs\n"
    )


def test_a_name_that_is_unknown_is_told(terminal: Terminal) -> None:
    terminal.environment |= {"VERDIGRIS_SERVER": "http://verdigris.invalid"}

    result = terminal.run("apps")

    assert result.exit_code == 3
    assert "http://verdigris.invalid can't be reached" in result.stderr


def test_a_change_that_got_no_answer_may_have_been_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = Client(Connection(f"http://127.0.0.1:{listening.getsockname()[1]}", None))
        hang_up = HangUp(listening)
        hang_up.start()

        with client, pytest.raises(Away) as caught:
            client.post("apps", "shop", "promote")
        hang_up.join()

    assert caught.value.message.startswith("no answer from")
    assert "whether it was accepted" in caught.value.next_step


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.ConnectTimeout(), "no connection within 5 s"),
        (requests.ReadTimeout(), "no answer within 30 s"),
        (requests.exceptions.InvalidURL("bad"), "bad"),
    ],
)
def test_other_failures_of_the_connection_have_words(
    error: requests.RequestException, words: str, closed_port: str
) -> None:
    with Client(Connection(closed_port, None)) as client:
        client._session.mount("http://", Failing(error))

        with pytest.raises(Away) as caught:
            client.get("apps")

    assert caught.value.detail == words


@pytest.mark.parametrize("arguments", [("apps",), ("promote", "shop", "--wait"), ("show", "X"), ("--help",)])
def test_the_token_is_never_printed(
    terminal: Terminal, server: CannedServer, arguments: tuple[str, ...]
) -> None:
    server.refuse("GET /apps", problem(status=401))

    result = terminal.run(*arguments)

    assert TOKEN not in result.output
    assert TOKEN not in str(result.exception)
