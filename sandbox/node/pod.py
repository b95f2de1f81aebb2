"""The life of one pod on the node: scheduled, accepted, its containers run, and in the end buried."""

import asyncio
import shutil
from dataclasses import replace

from sandbox.node.container import Container
from sandbox.node.machine import Machine
from sandbox.node.status import LOST, PodFacts, build_condition, build_status, grace_period
from sandbox.store import Object

NODE_NAME = "sandbox"
LOGS = "pods"  # the folder of the pods' logs
# Where the pod's main container listens on 127.0.0.1: what a Service's port leads to.
PORT_ANNOTATION = "sandbox.verdigris.dev/port"

_LABELS = {"kubernetes.io/os": "linux", "kubernetes.io/hostname": NODE_NAME}
_UNSCHEDULABLE = (
    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to "
    "deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
)


class PodWorker:
    """Does for one pod what a scheduler and a kubelet do."""

    def __init__(self, pod: Object, machine: Machine) -> None:
        self._pod = pod
        self._machine = machine
        metadata = pod["metadata"]
        self.namespace: str = metadata["namespace"]
        self.name: str = metadata["name"]
        folder = f"{self.namespace}_{self.name}_{metadata['uid']}"
        self._directory = machine.directory / LOGS / folder
        self.containers: list[Container] = [
            Container(spec, self, machine, self._directory / spec["name"])
            for spec in pod["spec"]["containers"]
        ]
        self._facts: PodFacts | None = None
        self._deletion = asyncio.Event()
        self._is_silent = False
        self._task: asyncio.Task[None] | None = None

    @property
    def object(self) -> Object:
        """The pod as it is in the store, or was last."""
        return self._pod

    @property
    def is_buried(self) -> bool:
        """Whether the worker itself has removed the pod, or has been told to stop."""
        return self._is_silent

    def start(self) -> asyncio.Task[None]:
        """Begin; the task ends with the pod."""
        self.notice(self._pod)
        self._task = asyncio.create_task(self._live(), name=f"pod {self.namespace}/{self.name}")
        return self._task

    def notice(self, pod: Object) -> None:
        """The pod has changed in the store."""
        self._pod = pod
        if not pod["metadata"].get("deletionTimestamp"):
            return
        self._deletion.set()
        if grace_period(pod) == 0:
            for container in self.containers:
                container.kill()

    def nudge(self) -> None:
        """A Secret or ConfigMap of the namespace has changed."""
        for container in self.containers:
            container.nudge()

    async def stop(self, grace: float) -> None:
        """End the processes without a word to the store: the pod is gone from it, or the node ends."""
        self._is_silent = True
        endings = (container.terminate(grace, with_hook=False) for container in self.containers)
        await asyncio.gather(*endings)
        self._deletion.set()
        if self._task is not None:
            await asyncio.wait((self._task,))

    def say(self, reason: str, message: str, *, warning: bool = False, container: str = "") -> None:
        """Write an event."""
        if not self._is_silent:
            record = self._machine.recorder.record
            record("pods", self._pod, reason, message, warning=warning, container=container)

    def find_config(self, resource: str, name: str) -> Object | None:
        """A Secret or ConfigMap of the pod's namespace."""
        return self._machine.store.find(resource, self.namespace, name)

    def find_port(self, wanted: int | str) -> int | None:
        """Where a port that a container declares, by number or name, is on this machine."""
        for container in self.containers:
            for port in container.spec.get("ports") or ():
                if wanted in (port.get("containerPort"), str(port.get("containerPort")), port.get("name")):
                    return container.port
        return None

    def report(self) -> None:
        """Write the status anew."""
        fresh = self._read()
        if fresh is None or self._facts is None:
            return
        records = [container.record for container in self.containers]
        fresh["status"] = build_status(fresh, self._facts, records, now=self._machine.now())
        annotations = fresh["metadata"].get("annotations") or {}
        fresh["metadata"]["annotations"] = annotations | {PORT_ANNOTATION: str(self._main().port)}
        self._machine.store.update("pods", fresh)

    def _read(self) -> Object | None:
        """The pod for a change, unless it is no longer ours to change."""
        fresh = self._machine.store.find("pods", self.namespace, self.name)
        is_ours = fresh is not None and fresh["metadata"]["uid"] == self._pod["metadata"]["uid"]
        return fresh if is_ours and not self._is_silent else None

    def _main(self) -> Container:
        """The container that a Service leads to: the first with a port."""
        with_port = (container for container in self.containers if container.spec.get("ports"))
        return next(with_port, self.containers[0])

    async def _live(self) -> None:
        try:
            if self._is_scheduled():
                self._accept()
                await self._run_containers()
                self._close()
            else:
                await self._deletion.wait()
            self._bury()
        finally:
            for container in self.containers:
                container.discard()
            shutil.rmtree(self._directory, ignore_errors=True)

    def _is_scheduled(self) -> bool:
        """Assign the pod to this node, or say why not. There is no other; what can't run here never will."""
        selector = self._pod["spec"].get("nodeSelector") or {}
        is_fitting = all(_LABELS.get(label) == value for label, value in selector.items())
        verdict = {"status": "True" if is_fitting else "False"}
        fresh = self._read()
        if fresh is None:
            return False
        if is_fitting:
            fresh["spec"]["nodeName"] = NODE_NAME
        else:
            verdict |= {"reason": "Unschedulable", "message": _UNSCHEDULABLE}
            self.say("FailedScheduling", _UNSCHEDULABLE, warning=True)
        condition = build_condition("PodScheduled", verdict, old=None, now=self._machine.now())
        status = {"phase": "Pending", "conditions": [condition], "qosClass": "BestEffort"}
        fresh["status"] = status | {
            field: value for field, value in (fresh.get("status") or {}).items() if field == "qosClass"
        }
        self._machine.store.update("pods", fresh)
        return is_fitting

    def _accept(self) -> None:
        self.say("Scheduled", f"Successfully assigned {self.namespace}/{self.name} to {NODE_NAME}")
        for field, what in (("volumes", "mounts no volumes"), ("initContainers", "runs no init containers")):
            if names := [item["name"] for item in self._pod["spec"].get(field) or ()]:
                self.say("NotInSandbox", f"The sandbox {what}: {', '.join(names)}", warning=True)
        self._facts = PodFacts(started=self._machine.now(), address="")
        self.report()
        self._facts = PodFacts(started=self._facts.started)
        self.report()

    async def _run_containers(self) -> None:
        async with asyncio.TaskGroup() as group:
            for container in self.containers:
                container.start(group)
            await self._deletion.wait()
            for container in self.containers:
                if container.is_running:
                    container.say("Killing", f"Stopping container {container.record.name}")
            grace = grace_period(self._pod)
            await asyncio.gather(*(container.terminate(grace) for container in self.containers))

    def _close(self) -> None:
        """Write the last status: every container has ended, or is lost."""
        for record in (container.record for container in self.containers):
            if "terminated" not in record.state:
                record.state, record.last_state = record.last_state or dict(LOST), {}
        if self._facts is not None:
            self._facts = replace(self._facts, address="", is_ended=True)
        self.report()

    def _bury(self) -> None:
        """Remove the object, as a kubelet does: by deleting it once more, with no grace."""
        fresh = self._read()
        if fresh is not None:
            fresh["metadata"]["deletionGracePeriodSeconds"] = 0
            self._machine.store.update("pods", fresh)
            self._is_silent = True
            self._machine.store.delete("pods", self.namespace, self.name)
