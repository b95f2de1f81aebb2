"""The first pages that somebody sees: all apps at a glance, and one app with its two colors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import g, request
from markupsafe import Markup

from release.roles import Action
from webhook.glance import tell_rough_age
from webhook.guard import Scope, needs
from webhook.lookups import get_app
from webhook.overview import look_at
from webhook.page_votes import pages
from webhook.pages import make_page
from webhook.rights import find_apps, is_allowed
from webhook.services import services

if TYPE_CHECKING:
    from flask import Flask, Response

    from webhook.glance import AppGlance

__all__ = ["pages"]

FILTER_LENGTH: Final = 100


@pages.get("/")
@needs(Action.READ, scope=Scope.SEEN)
def show_overview() -> Response:
    """A row of each app that the person may see, or the whole of one alone. ``?q=`` leaves some out."""
    apps = seen_apps()
    if len(apps) == 1:
        return make_page("app", **describe_app(apps[0]), is_alone=True)
    view = services().glance.look(apps)
    wanted = request.args.get("q", "").strip()[:FILTER_LENGTH]
    found = view.filtered(wanted) if wanted else view
    return make_page("apps", view=found, found=len(found), known=len(view), wanted=wanted)


@pages.get("/apps/<name>")
@needs(Action.READ)
def show_app(name: str) -> Response:
    """One app: its two colors, buttons, queue, latest releases, missed tags, and who did what."""
    get_app(name)
    return make_page("app", **describe_app(name))


def describe_app(name: str) -> dict[str, Any]:
    """What the page of one app is made of."""
    return {"view": look_at(name, services(), g.caller)}


def seen_apps() -> tuple[str, ...]:
    """The apps that the current person may see."""
    is_for_all = is_allowed(Action.READ, None)
    return tuple(services().config.apps) if is_for_all else tuple(find_apps(Action.READ))


def make_row(app: Flask, view: AppGlance) -> Markup:
    """A row of the glance, as the template has it."""
    macro: Any = app.jinja_env.get_template("_glance.html").module
    now = services().settings.clock()
    return Markup(macro.row(view, lambda moment: tell_rough_age((now - moment).total_seconds())))  # noqa: S704 -- made by a template that escapes
