"""The pictures of README and docs, made of the running demo: ``make screenshots``.

Everything in them is real but the cluster: pushes, workers, requests of users. It plays a story of four apps,
and takes each picture when the page shows what the picture is about. It needs Chromium on the PATH; whatever
it starts ends with it. ``ARGS="release-failed flower"`` takes only those.
"""  # noqa: INP001 -- a script stands beside the pages; it is no package

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from playwright.sync_api import expect, sync_playwright
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from cli.client import Client
from cli.demo.crew import Crew
from cli.demo.farewell import door
from cli.demo.house import open_house
from cli.demo.narrator import Narrator
from cli.demo.place import APP, Place, choose_place, listen_for_web
from cli.demo.play import Play
from cli.demo.shop import Shop
from cli.demo.users import Users
from cli.profile import Connection
from release.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from playwright.sync_api import Browser, FloatRect, Page, ViewportSize

IMAGES: Final = Path(__file__).with_name("images")
ARGUMENTS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE: Final[ViewportSize] = {"width": 1280, "height": 480}
NARROW: Final[ViewportSize] = {"width": 360, "height": 740}
FLOWER: Final[ViewportSize] = {"width": 1440, "height": 560}
TALLEST: Final = 1200
"""Pixels: what is below is cut off."""

OTHERS: Final = ("billing", "forum", "search")
PATIENCE: Final = 30_000
"""Milliseconds until a page shows what it has to."""

COLUMNS: Final = 140
TERMINAL: Final = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 18px 22px; width: max-content; background: #17211f; color: #dce8e4; }
pre { margin: 0; font: 15px/1.4 "DejaVu Sans Mono", monospace; }
{stylesheet}
</style><pre>{code}</pre>"""


class Town(Place):
    """The demo's place with more apps, whose tags no webhook tells of: they are asked for by a call."""

    @property
    def others(self) -> Place:
        """Where the other apps' repository is."""
        return replace(self, directory=self.directory / "others")

    def _images(self) -> dict[str, object]:
        images = cast("dict[str, list[dict[str, object]]]", super()._images())["images"]
        more = [
            {**images[0], "name": f"registry.sandbox/{name}", "repository": str(self.others.repository)}
            for name in OTHERS
        ]
        return {"images": [*images, *more]}

    def _configuration(self) -> dict[str, object]:
        config = cast("dict[str, Any]", super()._configuration())
        shop = config["apps"][APP]
        shop["migrate"] = [["python3", "migrate.py"]]  # without a path of this machine
        for name in OTHERS:
            host = f"{name}.example.com"
            config["apps"][name] = {
                **{key: value for key, value in shop.items() if key != "webhook"},
                "repository": str(self.others.repository),
                "image": f"registry.sandbox/{name}:{{tag}}",
                "gateway": {**shop["gateway"], "host": host},
                "values": {**shop["values"], "hosts": [host], "replicas": 1},
            }
        return config


class Story:
    """What is played; each method leaves the apps as one picture wants them."""

    def __init__(self, place: Town, crew: Crew, client: Client) -> None:
        self.place, self.crew = place, crew
        self.shop, self._others = Shop(place), Shop(place.others)
        self.play = Play(place, crew, self.shop, client, Narrator(to_stderr=True))

    def begin(self, web: Any) -> None:  # noqa: ANN401 -- a socket
        """Start everything, with no release yet."""
        self.place.write()
        self.place.others.directory.mkdir()
        self.shop.create()
        self._others.create()
        (self.place.others.repository / "hooks" / "post-receive").unlink()
        open_house(self.place, self.crew, web)

    def tell_of_others(self) -> None:
        """Three more apps: one has a release to promote, one failed, one is as it should be."""
        self._release("billing", "v7.2-blue", "Round to whole cents")
        self._release("forum", "v31-green", "Load threads a page at a time")
        self._release("search", "v0.9-blue", "Rank by how often a page is read")
        self._release("forum", "v32-blue", "Mark what is new since the last visit", promote=False)
        self._release("billing", "v7.3-green", "Send reminders", promote=False, broken=True)

    def _release(
        self, app: str, tag: str, message: str, *, promote: bool = True, broken: bool = False
    ) -> None:
        self._others.commit(message, broken=broken)
        self._others.tag(tag)
        self._others.push(tag)
        found = self.play.client.post("apps", app, "deploy", tag=tag)["release"]["id"]
        self._wait_for(found, "failed" if broken else "ready")
        if promote:
            self.play.client.post("apps", app, "promote", release=found, reason="checked by hand")
            self._wait_for(found, "live")

    def tell_of_shop(self) -> None:
        """Users were moved twice, a release failed, and the next one is ready for them."""
        self._push("v1.0-green", "Open the shop")
        self.play.switch("promote", "v1.0-green")
        self.play.users = Users(self.place.gateway)
        self._push("v2.0-blue", "Show the basket's total", "Remember what was looked at")
        self.play.client.post("apps", APP, "promote", reason="looked at it behind the cookie")
        self.play.wait_for_users("v2.0-blue")
        self._push("v2.1-green", "Pay by invoice", state="failed", broken=True)
        self._push("v2.2-green", "Pay by invoice, mended", "Say when it will arrive")

    def tell_of_a_queue(self) -> str:
        """One release is on its way, another waits for its turn; the id of the first."""
        self.shop.commit("Ask for the birthday", startup_seconds=40)
        self.shop.tag("v2.3-green")
        self.shop.push("v2.3-green")
        first = self.play.get_release("v2.3-green")
        self.shop.commit("Don't ask for the birthday")
        self.shop.tag("v2.4-green")
        self.shop.push("v2.4-green")
        self.play.get_release("v2.4-green")
        self.play.wait("the deploy stage", lambda: self._stage_of("v2.3-green") == "deploy")
        return str(first["id"])

    def find(self, tag: str) -> str:
        """The id of a release of the shop."""
        return str(self.play.get_release(tag)["id"])

    def _push(self, tag: str, *messages: str, state: str = "ready", **version: bool) -> None:
        for message in messages:
            self.shop.commit(message, **version)
        self.shop.tag(tag)
        self.shop.push(tag)
        self.play.wait_for_release(tag, state)

    def _wait_for(self, release_id: str, state: str) -> None:
        about = self.play.client
        self.play.wait(
            f"{release_id} {state}",
            lambda: about.get("releases", release_id)["release"]["state"] == state,
            deadline=60,
        )

    def _stage_of(self, tag: str) -> str:
        stages = self.play.jobs(tag)[0]["stages"]
        return next((str(one["stage"]) for one in stages if one["state"] == "running"), "")


class Camera:
    """Takes pictures of pages, wide and narrow, light and dark."""

    def __init__(self, browser: Browser, story: Story, wanted: Sequence[str]) -> None:
        self._browser, self._story, self._wanted = browser, story, wanted
        with self._window() as page:
            page.goto(door(story.place))
            self._signed_in = page.context.storage_state()

    def take(
        self,
        name: str,
        path: str,
        is_there: Callable[[Page], None],
        *,
        narrow: bool = False,
        tallest: int = TALLEST,
    ) -> None:
        """A page in both schemes; ``is_there`` waits until it shows what the picture is about."""
        if self._wanted and name not in self._wanted:
            return
        for scheme, ending in (("light", ""), ("dark", "-dark")):
            for size, width in (("", WIDE), *((("-narrow", NARROW),) if narrow else ())):
                with self._window(viewport=width, color_scheme=scheme, storage_state=self._signed_in) as page:
                    page.goto(self._story.place.web + path)
                    is_there(page)
                    _photograph(page, f"{name}{size}{ending}.png", NARROW["height"] if size else tallest)

    def take_flower(self) -> None:
        """Flower's list of tasks: what failed, waits and runs."""
        if self._wanted and "flower" not in self._wanted:
            return
        place = self._story.place
        login = {"username": "demo", "password": place.flower_password}
        with self._window(viewport=FLOWER, http_credentials=login) as page:
            page.goto(f"{place.flower}/tasks")
            page.locator(
                "th[data-column=state]"
            ).first.click()  # so PENDING and STARTED stand above what is over
            expect(page.get_by_text("release.waiting").first).to_be_visible(timeout=PATIENCE)
            page.evaluate("$('#tasks-table').DataTable().columns.adjust()")  # it lays its head out too early
            _photograph(page, "flower.png", FLOWER["height"])

    def take_terminal(self, *command: str) -> None:
        """What a command prints, with its colors."""
        if self._wanted and "terminal" not in self._wanted:
            return
        place = self._story.place
        around = {
            "VERDIGRIS_SERVER": place.web,
            "VERDIGRIS_TOKEN": place.token,
            "FORCE_COLOR": "1",
            "COLUMNS": str(COLUMNS),
        }
        program = Path(sys.executable).with_name("verdigris")
        printed = subprocess.run(  # noqa: S603 -- our own program
            [program, *command], env={**os.environ, **around}, capture_output=True, text=True, check=True
        ).stdout
        console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123 -- it writes nothing
        console.print(Text(f"$ verdigris {' '.join(command)}"))
        console.print(Text.from_ansi(printed))
        html = console.export_html(theme=DIMMED_MONOKAI, code_format="{stylesheet}\0{code}")
        style, _, code = html.partition("\0")
        with self._window(viewport=WIDE) as page:
            page.set_content(TERMINAL.replace("{stylesheet}", style).replace("{code}", code))
            page.locator("body").screenshot(path=IMAGES / "terminal.png")

    @contextmanager
    def _window(self, **settings: Any) -> Iterator[Page]:  # noqa: ANN401 -- playwright's own settings
        context = self._browser.new_context(reduced_motion="reduce", **settings)
        context.set_default_timeout(PATIENCE)
        try:
            yield context.new_page()
        finally:
            context.close()


def _photograph(page: Page, name: str, tallest: int) -> None:
    """The whole page, but no more than ``tallest`` pixels of it."""
    width = page.evaluate("document.documentElement.clientWidth")
    height = min(tallest, page.evaluate("document.documentElement.scrollHeight"))
    clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": height}
    page.screenshot(path=IMAGES / name, full_page=True, clip=clip)


def shows(*words: str) -> Callable[[Page], None]:
    """A page is as it should be once each of these can be read on it."""

    def is_there(page: Page) -> None:
        for one in words:
            expect(page.get_by_role("main")).to_contain_text(one, timeout=PATIENCE)

    return is_there


def take_all(story: Story, camera: Camera) -> None:
    """Every picture, in the story's order."""
    story.tell_of_others()
    story.tell_of_shop()
    camera.take(
        "page", f"/apps/{APP}", shows("Every user is here.", "Promote v2.2-green"), narrow=True, tallest=690
    )
    camera.take("release-failed", f"/releases/{story.find('v2.1-green')}", shows("A smoke test failed"))
    running = story.tell_of_a_queue()
    camera.take("front", "/", shows("shop", "v2.3-green", "forum", "billing"), narrow=True)
    camera.take("release-running", f"/releases/{running}", shows("running", "its probes don't pass yet"))
    camera.take("queue", "/queue", shows("v2.3-green", "v2.4-green"))
    camera.take("audit", "/audit", shows("looked at it behind the cookie"))
    camera.take_flower()
    camera.take_terminal("status")


def main(wanted: Sequence[str]) -> None:
    """Play the story in a folder of its own, and leave nothing of it but the pictures."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not on PATH: install it, and run this again")
    web = listen_for_web()
    with tempfile.TemporaryDirectory(prefix="verdigris-") as folder, closing(web):
        chosen = choose_place(Path(folder), web_port=web.getsockname()[1])
        place = Town(**{field.name: getattr(chosen, field.name) for field in fields(chosen)})
        crew = Crew(environment=place.environment(), logs=place.directory / "logs")
        with closing(crew), Client(Connection(place.web, Secret(place.token))) as client:
            story = Story(place, crew, client)
            story.begin(web)
            try:
                with sync_playwright() as playwright:
                    browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
                    take_all(story, Camera(browser, story, wanted))
                    browser.close()
            finally:
                if story.play.users:
                    story.play.users.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
