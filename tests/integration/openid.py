"""A running OpenID provider, and a browser without a window that fills in its forms."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRAM = Path(__file__).with_name("canaille_provider.py")
PASSWORD = "a password that only tests know"
CLIENT_SECRET = "a client secret that only tests know"
HOPS = 15


@dataclass
class RunningProvider:
    """``issuer`` is its address."""

    issuer: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.issuer.rpartition(":")[2])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@contextmanager
def provider(
    folder: Path, clients: Sequence[str], *, port: int = 0, key: str = "key"
) -> Iterator[RunningProvider]:
    """One whose clients are at these addresses; with another ``key`` it signs with another."""
    command = [sys.executable, str(PROGRAM), str(port), str(folder / f"{key}.pem"), *clients]
    with (folder / "provider.log").open("a") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        issuer = process.stdout.readline().strip()
        assert issuer, f"the provider did not start, see {folder / 'provider.log'}"
        yield RunningProvider(issuer, process)
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


class _Forms(HTMLParser):
    """The first form of a page that sends something, with what stands in its fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._is_in = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form" and self.action is None and (given.get("method") or "").lower() == "post":
            self.action, self._is_in = given.get("action") or "", True
        elif tag in {"input", "button"} and self._is_in and given.get("name"):
            self.fields[str(given["name"])] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_in = False


class Browser:
    """Keeps cookies, follows redirects, fills in forms."""

    def __init__(self) -> None:
        self.session = requests.Session()

    def open(self, address: str, *, stop_at: str = "") -> requests.Response:
        """The page behind all redirects; or the redirect that leads to ``stop_at``, which is not followed."""
        return self._follow(self.session.get(address, allow_redirects=False, timeout=20), stop_at)

    def fill_in(self, page: requests.Response, *, stop_at: str = "", **fields: str) -> requests.Response:
        form = _Forms()
        form.feed(page.text)
        assert form.action is not None, page.text
        address, content = urljoin(page.url, form.action), {**form.fields, **fields}
        answer = self.session.post(
            address, data=content, allow_redirects=False, timeout=20, headers={"Referer": page.url}
        )
        return self._follow(answer, stop_at)

    def sign_in(self, address: str, name: str, *, stop_at: str = "") -> requests.Response:
        """Through the provider's two forms, from a page that leads there."""
        page = self.fill_in(self.open(address), login=name)
        return self.fill_in(page, password=PASSWORD, stop_at=stop_at)

    def _follow(self, answer: requests.Response, stop_at: str) -> requests.Response:
        for _ in range(HOPS):
            if not answer.is_redirect:
                return answer
            target = urljoin(answer.url, answer.headers["Location"])
            if stop_at and target.startswith(stop_at):
                return answer
            answer = self.session.get(target, allow_redirects=False, timeout=20)
        raise AssertionError(f"redirected for ever, last to {answer.url}")
