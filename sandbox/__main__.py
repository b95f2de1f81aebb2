"""`python -m sandbox`: a sandbox in the foreground, until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sandbox.gateway import GatewayError
from sandbox.main import Endpoints, SandboxError, Settings, serve


def parse(arguments: Sequence[str] | None = None) -> Settings:
    """The settings that a command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A stand-in cluster on one machine."
    )
    parser.add_argument("--directory", type=Path, required=True, help="everything the sandbox writes")
    parser.add_argument(
        "--api-port", type=int, default=0, help="of the Kubernetes API; a free one by default"
    )
    parser.add_argument("--gateway-port", type=int, default=0, help="of the ingress; a free one by default")
    parser.add_argument("--images", type=Path, help="YAML file: which image is which local Git repository")
    parser.add_argument(
        "--namespace", action="append", default=[], help="to create besides `default`; may be repeated"
    )
    parser.add_argument(
        "--token", help="of the administrator; a fresh one by default, in the kubeconfig only"
    )
    parser.add_argument("--objects", type=Path, help="YAML file: what is in the cluster from the start")
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="NAMESPACE/NAME",
        help="a service account that gets a file of its own, kubeconfig-NAMESPACE-NAME; may be repeated",
    )
    found = parser.parse_args(arguments)
    return Settings(
        directory=found.directory,
        api_port=found.api_port,
        gateway_port=found.gateway_port,
        images=found.images,
        namespaces=tuple(found.namespace),
        token=found.token,
        objects=found.objects,
        accounts=tuple(found.account),
    )


def show(endpoints: Endpoints) -> None:
    """Tell whoever started it where it is."""
    lines = (f"kubeconfig {endpoints.kubeconfig}", f"api {endpoints.api}", f"gateway {endpoints.gateway}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


async def run(settings: Settings) -> None:
    """Serve until a signal asks for the end."""
    serving = asyncio.create_task(serve(settings, show))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


def main() -> int:
    """The exit code: 0 after a wanted end, 1 when the sandbox can't run here."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(run(parse()))
    except (GatewayError, SandboxError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
