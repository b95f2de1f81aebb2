"""`verdigris`: the overview of its commands. Each command's own code is imported when it is called."""

from __future__ import annotations

from typing import Final

import click

from cli.failures import EXIT_CODES
from cli.lazy import Entry, LazyGroup

ACTIONS: Final = "cli.commands.actions"
VOTES: Final = "cli.commands.votes"
READING: Final = "cli.commands.reading"
PROCESSES: Final = "cli.commands.processes"

SECTIONS: Final = {
    "See": {
        "status": Entry("cli.commands.status", "status", "All apps at a glance, or one in more detail."),
        "watch": Entry("cli.commands.watch", "watch", "Apps as they change, until Ctrl-C."),
        "apps": Entry(READING, "apps", "Every app with what runs where, or one with its queue."),
        "queue": Entry(READING, "queue", "Every queue: what runs, and what waits for what."),
        "releases": Entry(READING, "releases", "The newest releases, or those that are looked for."),
        "show": Entry(READING, "show", "One release with its jobs and steps, or one job."),
        "logs": Entry("cli.commands.logs", "logs", "The log of a release, or of the newest one of an app."),
        "tags": Entry("cli.commands.tags", "tags", "Tags that are in Git and were never delivered."),
        "channels": Entry(
            "cli.commands.channels", "channels", "Where signals go, and how each channel fares."
        ),
        "audit": Entry("cli.commands.audit", "audit", "Who asked for what, and what became of it."),
        "plan": Entry("cli.commands.plan", "plan", "Say what a release of TAG would meet and change."),
    },
    "Act": {
        "deploy": Entry(ACTIONS, "deploy", "Release a tag to its color, up to the smoke tests."),
        "promote": Entry(ACTIONS, "promote", "Move every user to the release that is ready."),
        "approve": Entry(VOTES, "approve", "Say yes to the promote of a release."),
        "reject": Entry(VOTES, "reject", "Say no to the promote of a release."),
        "stop-countdown": Entry(VOTES, "stop_countdown", "Let a release not be promoted by itself."),
        "rollback": Entry(ACTIONS, "rollback", "Move every user back to the release before."),
        "decommission": Entry(ACTIONS, "decommission", "Take down the color that is not live."),
        "redeploy": Entry(ACTIONS, "redeploy", "Release the commit of an earlier release again."),
        "retry": Entry(ACTIONS, "retry", "Run the stages of a failed release again."),
        "start": Entry(ACTIONS, "start", "Let a release that waits to start go on at once."),
        "cancel": Entry(ACTIONS, "cancel", "Stop a release on its way."),
        "token": Entry("cli.commands.token", "token", "Make, list and revoke API tokens."),
    },
    "Run": {
        "demo": Entry("cli.demo.command", "demo", "Everything on this machine, with a guided tour.", "demo"),
        "sandbox": Entry("cli.commands.sandbox", "sandbox", "A stand-in cluster on this machine.", "demo"),
        "check-config": Entry("cli.commands.check_config", "check_config", "Check the configuration file."),
        "doctor": Entry("cli.commands.doctor", "doctor", "Check an installation; each fault with its fix."),
        "web": Entry(PROCESSES, "web", "The web process: hooks, API and pages."),
        "worker": Entry(PROCESSES, "worker", "A worker that carries out jobs, one at a time."),
        "flower": Entry(PROCESSES, "flower", "Flower, to watch the workers; it changes nothing."),
        "completion": Entry(
            "cli.commands.completion", "completion", "Print the script that lets a shell complete."
        ),
    },
}

NAMES: Final = tuple(name for section in SECTIONS.values() for name in section)

EPILOG: Final = (
    "\b\nExit codes:\n"
    + "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in EXIT_CODES.items())
    + """

\b
The server: --server, else VERDIGRIS_SERVER, else a profile.
The token:  --token-file, else VERDIGRIS_TOKEN, else the profile's.
`verdigris apps --help` says where profiles are kept.

\b
Completion, here for bash (also zsh, fish):
  eval "$(verdigris completion bash)"
"""
)


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="verdigris", prog_name="verdigris")
def main() -> None:
    """Continuous blue-green deployments on Kubernetes, driven by Git tags."""
