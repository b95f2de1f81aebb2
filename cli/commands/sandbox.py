"""`verdigris sandbox`: run the stand-in cluster in the foreground."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.failures import Failure
from sandbox.gateway import GatewayError
from sandbox.main import Endpoints, SandboxError, Settings, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Serve = Callable[[Settings, Callable[[Endpoints], None]], Coroutine[None, None, None]]

port_type = click.IntRange(0, 65535)


@click.command
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".verdigris/sandbox"),
    show_default=True,
    help="Where all of its files are.",
)
@click.option(
    "--api-port", type=port_type, default=0, help="Port of the Kubernetes API [default: a free one]."
)
@click.option("--gateway-port", type=port_type, default=0, help="Port of the gateway [default: a free one].")
@click.option(
    "--images",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file: which image is which local Git repository.",
)
@click.option(
    "--namespace", "namespaces", multiple=True, help="To create besides `default`; may be repeated."
)
def sandbox(
    directory: Path, api_port: int, gateway_port: int, images: Path | None, namespaces: tuple[str, ...]
) -> None:
    """A stand-in cluster on this machine.

    A Kubernetes API, pods that are local processes, and an Envoy as ingress gateway. Ctrl-C ends it.
    """
    settings = Settings(
        directory=directory.resolve(),
        api_port=api_port,
        gateway_port=gateway_port,
        images=images,
        namespaces=namespaces,
    )
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(serve_until_ended(settings, serve))
    except (GatewayError, SandboxError) as error:
        raise Failure("the sandbox can't run here", detail=str(error)) from error


async def serve_until_ended(settings: Settings, serving: Serve) -> None:
    """Serve until SIGINT or SIGTERM; both let the sandbox end its pods and its gateway first."""
    task = asyncio.create_task(serving(settings, tell_endpoints))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


def tell_endpoints(endpoints: Endpoints) -> None:
    """Where it can be reached, and a first thing to try."""
    click.echo(f"kubeconfig  {endpoints.kubeconfig}")
    click.echo(f"API         {endpoints.api}")
    click.echo(f"gateway     {endpoints.gateway}")
    click.echo(f"\nTry: kubectl --kubeconfig {endpoints.kubeconfig} get pods --all-namespaces")
    click.echo("Ctrl-C ends it.")
