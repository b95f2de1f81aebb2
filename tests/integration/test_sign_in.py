"""Signing in with a real OpenID provider: Canaille, in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from werkzeug.serving import WSGIRequestHandler, make_server

from release.audit_entries import Filter
from release.sign_in import GroupGrant, SignIn
from sandbox.datastore import DatastoreError, find_redis_server, start_redis
from tests.integration.openid import CLIENT_SECRET, Browser, RunningProvider, provider
from tests.integration.test_web_process import CONFIGURATION, ROOT, wait_until
from tests.unit.webhook.fakes import HOOK_SECRET, TOKEN, Web, dump, headers, make_config, make_web, push

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    from release.config import Config

GRANTS: list[dict[str, object]] = [
    {"group": "sre", "role": "promoter", "apps": []},
    {"group": "auditors", "role": "viewer", "apps": ["shop"]},
]


class Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""


class House:
    """One address at which the web process of the current test answers."""

    def __init__(self) -> None:
        self.web: Web | None = None
        self.address = ""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:  # noqa: ANN401 -- as WSGI has it
        assert self.web is not None
        return self.web.app(environ, start_response)

    @property
    def door(self) -> str:
        return f"{self.address}/login/provider"

    @property
    def callback(self) -> str:
        return f"{self.address}/login/callback"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    house = House()
    server = make_server("127.0.0.1", 0, house, threaded=True, request_handler=Quiet)
    house.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield house
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def running(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    with provider(tmp_path_factory.mktemp("provider"), [house.address]) as found:
        yield found


def configure(
    folder: Path, issuer: str, *, grants: list[dict[str, object]] = GRANTS, secret: str = CLIENT_SECRET
) -> Config:
    (folder / "client").write_text(secret, encoding="utf-8")
    there = SignIn.model_validate(
        {"issuer": issuer, "client_id": "verdigris", "client_secret": {"file": folder / "client"}}
    )
    granted = [GroupGrant.model_validate(grant) for grant in grants]
    return make_config(folder).model_copy(update={"sign_in": there, "grants": granted})


@pytest.fixture
def serve(house: House, tmp_path: Path) -> Callable[..., Web]:
    """A web process at the house's address, which has the time of now."""

    def make(issuer: str, **settings: Any) -> Web:  # noqa: ANN401 -- handed on
        web = make_web(configure(tmp_path, issuer, **settings), public_url=house.address)
        web.now[0] = datetime.now(UTC)
        house.web = web
        return web

    return make


@pytest.fixture
def web(serve: Callable[..., Web], running: RunningProvider) -> Web:
    return serve(running.issuer)


def text_of(page: requests.Response) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.text)))


@pytest.mark.usefixtures("web")
def test_somebody_of_a_granted_group_signs_in_and_comes_to_the_page_they_wanted(house: House) -> None:
    # Given a stranger who wants to see a page
    browser = Browser()
    door = browser.open(f"{house.address}/?next")
    host = urlsplit(str(house.web and house.web.app.extensions["verdigris"].provider.sign_in.issuer)).netloc
    assert f"Sign in with {host}" in text_of(door)
    # When they follow the link, and sign in at the provider
    link = re.search(r'href="(/login/provider[^"]*)"', door.text)
    assert link
    page = browser.sign_in(f"{house.address}{unescape(link[1])}", "maria")
    # Then they are here, by the name that the provider has
    assert (page.status_code, page.url) == (200, f"{house.address}/")
    assert re.search(r'class="who">maria<', page.text)


def test_the_session_is_a_new_one_and_keeps_only_groups_that_count(house: House, web: Web) -> None:
    browser = Browser()
    browser.open(f"{house.address}/login")
    before = browser.session.cookies.get("verdigris", path="/")
    page = browser.sign_in(house.door, "maria")
    after = browser.session.cookies.get("verdigris", path="/")
    assert page.status_code == 200
    assert after is not None
    assert after != before

    held = web.app.session_interface.get_signing_serializer(web.app).loads(after)  # type: ignore[attr-defined]
    assert held["groups"] == ["sre"]
    assert "attempts" not in held


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nina", "says that you are nina, in the groups cooks, none of which has a role here"),
        ("zoe", "says that you are zoe, in no group"),
    ],
)
def test_without_a_group_that_counts_nobody_gets_in_and_they_are_told_why(
    house: House, web: Web, name: str, told: str
) -> None:
    browser = Browser()
    page = browser.sign_in(house.door, name)
    assert page.status_code == 403
    assert told in text_of(page)
    assert "What to do" in page.text
    assert browser.open(f"{house.address}/").url.startswith(f"{house.address}/login")
    (entry,) = web.store.audit.read(Filter(action="sign-in")).entries
    assert (str(entry.actor), entry.address) == (f"person:{name}", "127.0.0.1")
    assert (entry.outcome, entry.why) == ("refused", "no-role")


def test_what_groups_may_do_is_what_the_configuration_says_now(
    house: House, web: Web, serve: Callable[..., Web], running: RunningProvider
) -> None:
    # Given somebody who is signed in
    browser = Browser()
    assert browser.sign_in(house.door, "omar").status_code == 200
    # When the process starts again with a configuration that has no grant for their group
    later = serve(running.issuer, grants=GRANTS[:1])
    later.now[0] = web.now[0]
    refused = browser.open(f"{house.address}/")
    # Then they may do nothing any more, but sign out
    assert refused.status_code == 403
    assert "have no role here any more" in text_of(refused)
    (entry,) = later.store.audit.read(Filter(actor="person:omar")).entries
    assert (entry.action, entry.outcome, entry.why) == ("read", "refused", "no-role")
    assert browser.fill_in(refused).status_code == 200
    # And sessions of another provider do not count at all
    other = Browser()
    serve(running.issuer).now[0] = web.now[0]
    assert other.sign_in(house.door, "omar").status_code == 200
    serve("http://127.0.0.1:9").now[0] = web.now[0]
    assert other.open(f"{house.address}/").url.startswith(f"{house.address}/login")


@pytest.mark.usefixtures("web")
def test_the_answer_counts_only_in_the_browser_that_asked(house: House) -> None:
    # Given an answer that the provider gave to one browser
    mine, theirs = Browser(), Browser()
    answer = mine.sign_in(house.door, "maria", stop_at=house.callback).headers["Location"]
    # When another one is led to it
    refused = theirs.open(answer)
    # Then nobody is signed in there
    assert refused.status_code == 400
    assert "this browser has not begun to sign in" in text_of(refused)
    assert theirs.open(f"{house.address}/").url.startswith(f"{house.address}/login")
    # And it still counts in the first one, but once, though its cookie was copied before
    copied = mine.session.cookies.copy()
    assert mine.open(answer).status_code == 200
    again = Browser()
    again.session.cookies = copied
    assert again.open(answer).status_code == 400


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("state", ["state=made-up", "state=", ""])
def test_a_made_up_state_is_refused(house: House, state: str) -> None:
    browser = Browser()
    answer = browser.sign_in(house.door, "maria", stop_at=house.callback).headers["Location"]
    refused = browser.open(re.sub(r"state=[^&]+", state, answer))
    assert refused.status_code == 400
    assert "not begun to sign in" in text_of(refused)


@pytest.mark.usefixtures("web")
def test_a_code_of_another_attempt_is_refused_by_its_proof_key(house: House) -> None:
    # Given two attempts in one browser
    browser = Browser()
    first = browser.sign_in(house.door, "maria", stop_at=house.callback).headers["Location"]
    second = browser.open(house.door, stop_at=house.callback).headers["Location"]
    # When the code of one comes with the state of the other
    state = parse_qs(urlsplit(second).query)["state"][0]
    refused = browser.open(re.sub(r"state=[^&]+", f"state={state}", first))
    # Then the provider does not take it
    assert refused.status_code == 400
    assert "invalid_grant" in text_of(refused)


@pytest.mark.usefixtures("web")
def test_a_token_with_another_nonce_is_not_believed(house: House) -> None:
    # Given a way to the provider on which somebody has put a nonce of their own
    browser = Browser()
    there = browser.session.get(house.door, allow_redirects=False, timeout=20).headers["Location"]
    refused = browser.sign_in(re.sub(r"nonce=[^&]+", "nonce=of-somebody-else", there), "maria")
    assert refused.status_code == 400
    assert "belongs to another attempt" in text_of(refused)


@pytest.mark.parametrize(
    ("off", "told"),
    [
        (timedelta(hours=3), "it has expired"),
        (timedelta(minutes=-5), "it is from the future"),
    ],
)
def test_where_the_clocks_differ_the_page_says_so(house: House, web: Web, off: timedelta, told: str) -> None:
    web.wait(off)
    refused = Browser().sign_in(house.door, "maria")
    assert refused.status_code == 400
    assert told in text_of(refused)
    assert "compare the clocks" in text_of(refused)


@pytest.mark.parametrize("off", [timedelta(seconds=50), timedelta(seconds=-50)])
def test_a_minute_between_the_clocks_is_no_matter(house: House, web: Web, off: timedelta) -> None:
    web.wait(off)
    assert Browser().sign_in(house.door, "maria").status_code == 200


def test_an_attempt_is_too_old_after_ten_minutes(house: House, web: Web) -> None:
    browser = Browser()
    answer = browser.sign_in(house.door, "maria", stop_at=house.callback).headers["Location"]
    web.wait(timedelta(minutes=11))
    assert browser.open(answer).status_code == 400


def test_a_wrong_client_secret_is_told(
    house: House, serve: Callable[..., Web], running: RunningProvider
) -> None:
    serve(running.issuer, secret="the secret of somebody else")
    refused = Browser().sign_in(house.door, "maria")
    assert refused.status_code == 400
    assert "invalid_client" in text_of(refused)


@pytest.mark.usefixtures("web")
def test_who_signs_out_is_out_with_every_copy_of_the_cookie(house: House) -> None:
    # Given a copy of a signed-in person's cookie
    browser, thief = Browser(), Browser()
    page = browser.sign_in(house.door, "maria")
    thief.session.cookies = browser.session.cookies.copy()
    assert thief.open(f"{house.address}/").url == f"{house.address}/"
    # When the person signs out
    door = browser.fill_in(page)
    # Then the copy opens nothing, and the person is shown the way out of the provider
    assert "Sign out there as well" in text_of(door)
    assert thief.open(f"{house.address}/").url.startswith(f"{house.address}/login")
    left = browser.open(f"{house.address}/login/leave")
    assert left.url.startswith(
        str(house.web and house.web.app.extensions["verdigris"].provider.sign_in.issuer)
    )
    assert left.status_code == 200
    # And only after that the provider asks who they are
    assert browser.open(house.door, stop_at=house.callback).is_redirect
    browser.fill_in(left, answer="logout")
    assert 'name="login"' in browser.open(house.door, stop_at=house.callback).text


def test_while_the_provider_is_away_tokens_and_webhooks_work_and_keys_may_change(
    house: House, serve: Callable[..., Web], tmp_path: Path
) -> None:
    # Given a provider that was there
    with provider(tmp_path, [house.address]) as first:
        web = serve(first.issuer)
        assert Browser().sign_in(house.door, "maria").status_code == 200
        halfway = Browser()
        answer = halfway.sign_in(house.door, "maria", stop_at=house.callback).headers["Location"]
    # When it is away, then whoever was on the way is told
    assert halfway.open(answer).status_code == 503
    # And when the process has to ask it anew
    web.wait(timedelta(hours=1, seconds=1))
    browser = Browser()
    answer = browser.session.get(house.door, allow_redirects=False, timeout=20)
    assert answer.status_code == 303  # what it said before still leads there
    serve(first.issuer)
    away = Browser().open(house.door)
    # Then whoever signs in is told what to do, and everything else works
    assert away.status_code == 503
    assert "Connection refused" in text_of(away)
    assert "sign in with an API token" in text_of(away)
    page = browser.fill_in(browser.open(f"{house.address}/login"), token=TOKEN)
    assert page.url == f"{house.address}/"
    body = dump(push())
    delivered = requests.post(
        f"{house.address}/webhooks/github", data=body, headers=headers(body), timeout=20
    )
    assert delivered.status_code == 202
    # And when it is back, with another key, people sign in
    house.web = web
    web.now[0] = datetime.now(UTC) + timedelta(seconds=10)
    with provider(tmp_path, [house.address], port=first.port, key="other"):
        assert Browser().sign_in(house.door, "maria").status_code == 200


@contextmanager
def gunicorn(folder: Path, redis_url: str, issuer: str, listener: socket.socket) -> Iterator[str]:
    """The web process as the Procfile runs it, twice, on a socket that is bound already."""
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    there = f"sign_in: {{issuer: '{issuer}', client_id: verdigris, client_secret: {{env: CLIENT_SECRET}}}}\n"
    grants = "grants: [{group: sre, role: promoter}]\n"
    (folder / "verdigris.yml").write_text(there + grants + CONFIGURATION, encoding="utf-8")
    environment = {
        **os.environ,
        "VERDIGRIS_CONFIG": str(folder / "verdigris.yml"),
        "VERDIGRIS_REDIS_URL": redis_url,
        "VERDIGRIS_SECRET_KEY": "a secret key that only tests know, 32+",
        "VERDIGRIS_PUBLIC_URL": address,
        "CI_TOKEN": TOKEN,
        "HOOK_SECRET": HOOK_SECRET,
        "CLIENT_SECRET": CLIENT_SECRET,
    }
    command = [
        *(sys.executable, "-m", "gunicorn", "webhook.wsgi:create()", "--workers", "2", "--threads", "4"),
        *("--bind", f"fd://{listener.fileno()}", "--graceful-timeout", "5", "--no-control-socket"),
    ]
    with (folder / "web.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=log, pass_fds=[listener.fileno()]
        )
    try:
        wait_until(lambda: is_alive(address), f"the web process, see {folder / 'web.log'}")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def is_alive(address: str) -> bool:
    try:
        return requests.get(f"{address}/healthz", timeout=5).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


@pytest.mark.needs_redis
def test_real_processes_start_without_the_provider_and_share_every_sign_out(tmp_path: Path) -> None:
    try:
        server = find_redis_server()
    except DatastoreError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a real Redis: {error}")
        pytest.skip(str(error))
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_server(("127.0.0.1", 0)) as taken,
        start_redis(tmp_path / "redis", server=server) as redis,
    ):
        port = taken.getsockname()[1]
        taken.close()
        # Given two real processes that started before their provider did
        with gunicorn(tmp_path, redis.url, f"http://127.0.0.1:{port}", listener) as address:
            assert Browser().open(f"{address}/login/provider").status_code == 503
            with provider(tmp_path, [address], port=port):
                browser, copy = Browser(), Browser()
                # When it is there, and somebody signs in
                wait_until(
                    lambda: (
                        browser.session.get(
                            f"{address}/login/provider", allow_redirects=False, timeout=20
                        ).is_redirect
                    ),
                    "the process to ask the provider again",
                )
                page = browser.sign_in(f"{address}/login/provider", "maria")
                assert re.search(r'class="who">maria<', page.text)
                copy.session.cookies = browser.session.cookies.copy()
                assert copy.open(f"{address}/").url == f"{address}/"
                # Then signing out at one of them ends the session at both
                browser.fill_in(page)
                for _ in range(8):
                    assert copy.open(f"{address}/").url.startswith(f"{address}/login")
    log = (tmp_path / "web.log").read_text(encoding="utf-8")
    assert CLIENT_SECRET not in log
    assert '"name": "maria"' in log
