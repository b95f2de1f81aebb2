"""What a check of a release found, collected so that everything is told at once.

One cause keeps the name of its own problem; several become one problem that lists each. What would only say
the same again (a cluster that is away, a missing namespace under every object) is told once.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Final

from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release.problems import ProblemDocument

ENDING: Final = frozenset(
    {"cluster-unavailable", "cluster-config", "cluster-unauthorized", "cluster-untrusted"}
)
"""After these nothing more can be asked: they end a check at once."""

EXPLAINED: Final = {"cluster-forbidden": "permission-missing"}
"""Findings that another one explains better, where there is that one."""

UNPROCESSABLE: Final = 422


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: ``detail`` names the object, ``next_step`` says how."""

    slug: str
    title: str
    detail: str
    next_step: str
    status: int = 409

    def redacted(self, redact: Callable[[str], str]) -> Finding:
        """The same without known secrets."""
        return replace(self, detail=redact(self.detail), next_step=redact(self.next_step))

    def as_json(self) -> dict[str, str]:
        """The members for programs; without the status, which is that of the whole."""
        return {name: value for name, value in asdict(self).items() if isinstance(value, str)}


@dataclass(slots=True)
class Findings:
    """Of one release: what refuses it, and what is only worth knowing. ``subject``: app and tag."""

    subject: str
    refusals: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def add(self, *findings: Finding) -> None:
        """Refuse the release for these."""
        self.refusals += findings

    def warn(self, *findings: Finding) -> None:
        """Tell these; they refuse nothing."""
        self.warnings += findings

    def has(self, *slugs: str) -> bool:
        """Whether one of these refusals was found."""
        return any(finding.slug in slugs for finding in self.refusals)

    def redacted(self, redact: Callable[[str], str]) -> Findings:
        """The same without known secrets, for an output that is not the release's log."""
        return Findings(
            self.subject,
            [one.redacted(redact) for one in self.refusals],
            [one.redacted(redact) for one in self.warnings],
        )

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Let a check end with its refusal, and go on behind the block.

        Raises:
            Problem: one after which nothing more can be asked.
        """
        try:
            yield
        except Problem as problem:
            if problem.document.slug in ENDING:
                raise
            self.add(self._of(problem.document))

    def told(self) -> list[Finding]:
        """The refusals, each once, and none that another one explains."""
        slugs = {finding.slug for finding in self.refusals}
        return [one for one in dict.fromkeys(self.refusals) if EXPLAINED.get(one.slug) not in slugs]

    def check(self) -> None:
        """Refuse the release if anything was found.

        Raises:
            Problem: of the one cause, or ``sanity-refused`` with all of them.
        """
        told = self.told()
        if not told:
            return
        if len({finding.slug for finding in told}) == 1:
            raise self._alone(told)
        raise self._together(told)

    def _of(self, document: ProblemDocument) -> Finding:
        """A problem as a finding: what is said of app and tag is said once, above all of them."""
        detail = document.detail
        for known in (f"{self.subject}: ", f"{self.subject.partition(' ')[0]}: "):
            detail = detail.removeprefix(known)
        return Finding(document.slug, document.title, detail, document.next_step, document.status)

    def _alone(self, told: list[Finding]) -> Problem:
        details = "\n".join(dict.fromkeys(finding.detail for finding in told))
        steps = "\n".join(dict.fromkeys(finding.next_step for finding in told))
        first = told[0]
        return Problem(
            first.slug,
            first.title,
            detail=f"{self.subject}: {details}",
            next_step=steps,
            status=first.status,
        )

    def _together(self, told: list[Finding]) -> Problem:
        listed = "\n".join(
            f"{number}. {one.title} ({one.slug}): {one.detail}\n   What to do: {one.next_step}"
            for number, one in enumerate(told, start=1)
        )
        app, _, tag = self.subject.partition(" ")
        return Problem(
            "sanity-refused",
            "Several things have to be mended first",
            detail=f"{self.subject}: {len(told)} findings; nothing was touched\n{listed}",
            next_step=f"mend each as it says; `verdigris plan {app} {tag}` looks again without releasing",
            status=UNPROCESSABLE,
        )
