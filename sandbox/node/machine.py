"""What the pods of a node share: the store to report to, images, ports, a client for probes, and patience."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp

from sandbox.images import Image, Images, PullError
from sandbox.node.port import Ports
from sandbox.recorder import Recorder
from sandbox.store import Object, Store, format_time


class NeverPulled(PullError):
    """The node hasn't got the image, and the pod forbids to fetch it."""


class PulledImages:
    """The images that this node has. A tag that moves in the registry is noticed only by a pull."""

    def __init__(self, registry: Images) -> None:
        self._registry = registry
        self._pulled: dict[str, Image] = {}

    def find(self, name: str, policy: str) -> Image | None:
        """The image, where the pull policy (IfNotPresent, Always, Never) allows to use what is here.

        Raises:
            NeverPulled: it isn't here and the policy is Never.
        """
        found = self._pulled.get(name)
        if policy == "Never" and found is None:
            raise NeverPulled(f'Container image "{name}" is not present with pull policy of Never')
        return None if policy == "Always" else found

    async def pull(self, name: str) -> Image:
        """Fetch the image and keep it. Raises what `Images.pull` raises."""
        self._pulled[name] = image = await self._registry.pull(name)
        return image


class Backoff:
    """Pauses in seconds, each twice the one before: a real kubelet's from 10 s to 5 min, shortened."""

    def __init__(self, first: float = 0.5, longest: float = 10.0) -> None:
        self.first = first
        self.longest = longest
        self._next = first

    def take(self) -> float:
        """The pause to make now."""
        pause, self._next = self._next, min(self._next * 2, self.longest)
        return pause

    def reset(self) -> None:
        """Begin again with the shortest."""
        self._next = self.first


@dataclass(frozen=True)
class Machine:
    """The node's own things, handed to each pod."""

    store: Store
    images: PulledImages
    ports: Ports
    session: aiohttp.ClientSession
    recorder: Recorder
    directory: Path
    clock: Callable[[], datetime]

    def now(self) -> str:
        """The time, as statuses carry it."""
        return format_time(self.clock())


def pull_policy(container: Object) -> str:
    """The container's pull policy; Kubernetes' default depends on the tag."""
    name = container["image"].rpartition("/")[2]
    is_floating = "@" not in name and name.partition(":")[2] in ("", "latest")
    return str(container.get("imagePullPolicy") or ("Always" if is_floating else "IfNotPresent"))
