"""The way in, and what to try next, with everything that has to be known to try it."""

from __future__ import annotations

import sys
import webbrowser
from typing import TYPE_CHECKING, Final

from cli.demo.place import APP
from release.clock import utc_now
from release.secret import Secret
from webhook.tickets import issue_ticket

if TYPE_CHECKING:
    from cli.demo.narrator import Narrator
    from cli.demo.place import Place

TEXT: Final = """
Everything stays up until Ctrl-C. Try:

  the page        {web}   sign in with the token {token}
  Flower          {flower}   user demo, password {flower_password}
  your own tag    cd {clone}
                  git tag v4.0-green && git push origin v4.0-green
  command line    export VERDIGRIS_SERVER={web} VERDIGRIS_TOKEN=$(cat {token_file})
                  {verdigris} status; {verdigris} promote {app} --wait; {verdigris} rollback {app} --wait
  as a user       curl {gateway}
  with the cookie curl --cookie 'test=true' {gateway}
  the cluster     export KUBECONFIG={kubeconfig}
                  kubectl -n demo get deployments,pods,virtualservices,destinationrules
  the API         curl -H "Authorization: Bearer $(cat {token_file})" {web}/api/v1/apps
"""


def welcome(place: Place, narrator: Narrator, *, is_watched: bool) -> None:
    """Say how to watch the play on the page; open it where somebody sits before a screen."""
    narrator.say(f"watch on the page: {place.web}   (sign in with the token {place.token})")
    narrator.say(f"or, within a minute, through this door: {door(place)}")
    if is_watched:
        webbrowser.open(door(place))


def door(place: Place) -> str:
    """An address that signs in once, within a minute."""
    return f"{place.web}/enter/{issue_ticket('demo', key=Secret(place.secret_key), clock=utc_now)}"


def farewell(place: Place, narrator: Narrator) -> None:
    """Say what can be done."""
    narrator.text(
        TEXT.format(
            web=place.web,
            token=place.token,
            flower=place.flower,
            flower_password=place.flower_password,
            clone=place.clone,
            token_file=place.token_file,
            verdigris=sys.argv[0],
            app=APP,
            gateway=place.gateway,
            kubeconfig=place.kubeconfig,
        )
    )
