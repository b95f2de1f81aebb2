"""Asks a registry for the digest of the manifest that an image's tag names now (OCI distribution API).

Nothing is pulled. Of the clients on PyPI, ``oras`` and ``python-dxf`` send the password to whatever address a
registry's challenge names, follow redirects and read bodies without end (``oras`` without a time limit), and
``docker-registry-client`` is of 2017; so our one question is asked with ``requests``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from requests.structures import CaseInsensitiveDict

from release.image import ImageReference, NotAnImage, is_digest
from release.secret import Redactor, Secret
from source.bounded_http import Answer, BadAnswer, NoAnswer, Patience
from source.registry_access import (
    Door,
    Misled,
    NotUnderstood,
    basic,
    parse_challenges,
    read_token,
    token_query,
)
from source.registry_refusals import (
    RegistryUnreachable,
    by_status,
    codes_of,
    invalid_name,
    misled,
    shown,
    unexpected,
)
from source.values import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.origins import Registry
    from release.problems import Problem
    from source.registry_access import Challenge

KINDS: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Manifests whose digest is that of their bytes, also those of several platforms, which nodes choose from."""

LARGEST_MANIFEST: Final = 4 * 1024 * 1024
LARGEST_TOKEN_ANSWER: Final = 64 * 1024
DIGEST: Final = "Docker-Content-Digest"
API_VERSION: Final = "Docker-Distribution-Api-Version"

OK: Final = 200
UNAUTHORIZED: Final = 401
NOT_FOUND: Final = 404
NO_HEAD: Final = frozenset({405, 501})


def find_digest(image: str, registry: Registry, *, seconds: float = 10) -> str | None:
    """The digest that the image's tag names now, ``sha256:…``; None where the registry has no such image.

    ``seconds``: for all questions together, besides the resolver's time.

    Raises:
        RegistryUnreachable: ask again, after its ``retry_after``.
        Problem: ``registry-refused`` (some registries say so also of a repository that does not exist yet),
            ``registry-token-host``, ``registry-unexpected``, ``image-name-invalid`` or ``secret-missing``.
    """
    reference = _parse(image)
    password = resolve("registry.password", registry.password) if registry.password else None
    known = [password, Secret(f"{registry.username}:{password.reveal()}")] if password else []
    door, patience = Door(reference.host, registry), Patience(seconds=seconds)
    asking = _Asking(reference, door, password, patience, Redactor(known))
    answer = asking.ask("HEAD")
    if _says_enough(answer):
        return asking.judge(answer)
    answer = asking.ask("GET")
    return asking.judge(answer, hashlib.sha256(answer.body).hexdigest())


def _parse(image: str) -> ImageReference:
    try:
        return ImageReference.parse(image)
    except NotAnImage as error:
        raise invalid_name(str(error)) from None


def _says_enough(answer: Answer) -> bool:
    """Whether an answer to HEAD has what a body would tell: the digest, or a registry's own "not found"."""
    if answer.status == OK:
        return DIGEST in answer.headers
    if answer.status == NOT_FOUND:
        return API_VERSION in answer.headers
    return answer.status not in NO_HEAD


def _without_secrets(answer: Answer, redact: Callable[[str], str]) -> Answer:
    """An answer of which something may be told: whoever answers knows our password, and may say it back."""
    headers = CaseInsensitiveDict({name: redact(value) for name, value in answer.headers.items()})
    body = answer.body
    if answer.status != OK:  # the others are hashed, or hold a token
        body = redact(body.decode(errors="replace")).encode()
    return Answer(answer.status, headers, body)


@dataclass
class _Asking:
    """The questions about one image. ``authorization``: what got us in, for the next question."""

    reference: ImageReference
    door: Door
    password: Secret | None
    patience: Patience
    redactor: Redactor
    authorization: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """The manifest's address. Every part of it was checked: no tag leads to another path."""
        return f"{self.door.address}/v2/{self.reference.repository}/manifests/{self.reference.tag}"

    def ask(self, method: str) -> Answer:
        """The manifest, or its head; once more with what a challenge asks for."""
        answer = self._send(method)
        if answer.status == UNAUTHORIZED and not self.authorization:
            self.authorization = self._authorize(answer)
            answer = self._send(method) if self.authorization else answer
        return answer

    def judge(self, answer: Answer, hashed: str | None = None) -> str | None:
        """What an answer means; ``hashed``: of its body, where there is one.

        Raises:
            Problem: it is neither a manifest's nor a registry's "not found".
        """
        if answer.status == OK:
            return self._digest_of(answer, hashed)
        if answer.status == NOT_FOUND and (hashed is None or codes_of(answer)):
            return None
        raise self._refused(answer, self.url)

    def _digest_of(self, answer: Answer, hashed: str | None) -> str:
        said, about = answer.headers.get(DIGEST), self._about(self.url)
        if said is not None and not is_digest(said):
            raise unexpected(f"{about} names the digest {shown(said)}, which is none of SHA-256")
        if hashed is None:
            return said or ""  # it is there: ``_says_enough``
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if kind not in KINDS:
            raise unexpected(f"{about} answers with {shown(kind)}, which is no manifest")
        if said not in {None, f"sha256:{hashed}"}:
            raise unexpected(f"{about} calls {said} what is sha256:{hashed}")
        return f"sha256:{hashed}"

    def _send(self, method: str) -> Answer:
        headers = {"Accept": ", ".join(KINDS)}
        if self.authorization:
            headers["Authorization"] = self.authorization
        return self._reach(method, self.url, headers, limit=LARGEST_MANIFEST)

    def _reach(self, method: str, url: str, headers: dict[str, str], *, limit: int, **query: str) -> Answer:
        try:
            answer = self.patience.ask(method, url, headers=headers, limit=limit, query=query)
        except NoAnswer as error:
            raise RegistryUnreachable(f"{self._about(url)} does not answer: {error}") from None
        except BadAnswer as error:
            raise unexpected(f"{self._about(url)} answers with {error}") from None
        return _without_secrets(answer, self.redactor.redact)

    def _authorize(self, answer: Answer) -> str:
        """What the challenge asks for, a token rather than the password; empty where we have nothing."""
        try:
            challenges = parse_challenges(answer.headers.get("WWW-Authenticate", ""))
        except NotUnderstood as error:
            raise unexpected(f"{self._about(self.url)} sends {error}") from None
        by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
        if "bearer" in by_scheme:
            return f"Bearer {self._fetch_token(by_scheme['bearer'])}"
        return self._credentials() if "basic" in by_scheme else ""

    def _credentials(self) -> str:
        username = self.door.registry.username
        return basic(username, self.password) if username and self.password else ""

    def _fetch_token(self, challenge: Challenge) -> str:
        realm, credentials = challenge.parameters.get("realm", ""), self._credentials()
        try:
            self.door.check_token_place(realm)
        except Misled as error:
            raise misled(f"{self._about(self.url)} sends us to {error}") from None
        headers = {"Accept": "application/json", **({"Authorization": credentials} if credentials else {})}
        query = token_query(challenge, self.reference.repository)
        answer = self._reach("GET", realm, headers, limit=LARGEST_TOKEN_ANSWER, **query)
        if answer.status != OK:
            raise self._refused(answer, realm)
        try:
            return read_token(answer.body)
        except NotUnderstood as error:
            raise unexpected(f"{self._about(realm)} gives no token: {error}") from None

    def _refused(self, answer: Answer, url: str) -> Problem:
        return by_status(answer, self._about(url), username=self.door.registry.username)

    def _about(self, url: str) -> str:
        """The image, and who is asked about it: an address of ours, or one that was checked."""
        return f"{self.reference.written}: {'/'.join(url.split('/', 3)[:3])}"
