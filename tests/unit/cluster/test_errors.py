import ssl

import pytest
import urllib3
import urllib3.exceptions

from cluster.errors import (
    AlreadyExists,
    ClusterError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    Unauthorized,
    Unavailable,
    Untrusted,
    from_answer,
    from_transport,
)
from release.problems import Problem
from tests.unit.cluster.fakes import Answer, fake_cluster, recorded

REFUSED = [
    ("deployment-get-missing", NotFound),
    ("apply-unknown-kind", NotFound),
    ("apply-missing-namespace", NotFound),
    ("deployment-apply-bad-type", Invalid),
    ("deployment-apply-strict-unknown-field", Invalid),
    ("deployment-apply-selector-mismatch", Invalid),
    ("deployment-apply-immutable-selector", Invalid),
    ("virtualservice-apply-invalid-crd", Invalid),
    ("apply-body-not-yaml", Invalid),
    ("virtualservice-json-patch-test-op-fails", Invalid),
    ("virtualservice-apply-stale-resource-version", Conflict),
    ("virtualservice-apply-other-manager-conflict", Conflict),
    ("deployment-delete-stale-precondition", Conflict),
    ("deployment-create-exists", AlreadyExists),
    ("forbidden", Forbidden),
    ("unauthorized", Unauthorized),
]


@pytest.mark.parametrize(("name", "expected"), REFUSED)
def test_what_a_real_server_refuses_becomes_one_of_ours(name: str, expected: type[ClusterError]) -> None:
    cluster, _ = fake_cluster(recorded(name))
    with pytest.raises(expected) as caught:
        cluster.request("GET", "/whatever")
    assert type(caught.value) is expected
    assert caught.value.message
    assert caught.value.message in caught.value.document.detail


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (408, Unavailable),
        (410, Expired),
        (429, Unavailable),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
        (418, ClusterError),
    ],
)
def test_a_status_without_a_document_still_tells_not_yet_from_never(
    status: int, expected: type[ClusterError]
) -> None:
    error = from_answer(status, b"<html>proxy</html>", {})
    assert type(error) is expected
    assert error.status == status
    assert error.message == "<html>proxy</html>"


def test_an_answer_without_a_word_is_told_by_its_status() -> None:
    assert from_answer(502, b"", {}).message == "HTTP 502"
    assert from_answer(502, b'"text"', {}).message == '"text"'


def test_a_servers_wish_to_wait_is_kept() -> None:
    error = from_answer(429, b"{}", {"Retry-After": "3"})
    assert isinstance(error, Unavailable)
    assert error.retry_after == 3


def test_a_conflict_over_fields_is_told_from_a_stale_version() -> None:
    assert _conflict("virtualservice-apply-other-manager-conflict").is_about_fields
    assert not _conflict("virtualservice-apply-stale-resource-version").is_about_fields


def _conflict(name: str) -> Conflict:
    cluster, _ = fake_cluster(recorded(name))
    with pytest.raises(Conflict) as caught:
        cluster.request("PATCH", "/whatever")
    return caught.value


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (urllib3.exceptions.NewConnectionError(urllib3.HTTPConnectionPool("h"), "refused"), "refused"),  # type: ignore[arg-type]
        (urllib3.exceptions.ConnectTimeoutError(), "no connection in time"),
        (
            urllib3.exceptions.ReadTimeoutError(urllib3.HTTPConnectionPool("h"), "/", "slow"),
            "no answer in time",
        ),
        (urllib3.exceptions.ProtocolError("Connection aborted"), "Connection aborted"),
    ],
)
def test_a_connection_that_fails_is_worth_waiting_for(
    error: urllib3.exceptions.HTTPError, words: str
) -> None:
    found = from_transport(error, "cluster.test")
    assert isinstance(found, Unavailable)
    assert words in found.message
    assert "cluster.test" in found.message


def test_a_certificate_that_nobody_trusts_is_not_waited_for() -> None:
    cause = ssl.SSLCertVerificationError("self-signed certificate")
    assert isinstance(from_transport(urllib3.exceptions.SSLError(cause), "cluster.test"), Untrusted)


def test_an_error_is_a_problem_that_says_what_to_do_next() -> None:
    cluster, _ = fake_cluster(recorded("forbidden"))
    with pytest.raises(Problem) as caught:
        cluster.request("PATCH", "/whatever")
    assert caught.value.document.slug == "cluster-forbidden"
    assert "cannot patch resource" in caught.value.document.detail
    assert "role" in caught.value.document.next_step


def test_no_error_tells_the_token() -> None:
    cluster, pool = fake_cluster([Answer(401, {"message": "Unauthorized"})], token="s3cr3t-token")
    with pytest.raises(Unauthorized) as caught:
        cluster.request("GET", "/whatever")
    assert pool.sent[0].headers["authorization"] == "Bearer s3cr3t-token"
    assert "s3cr3t-token" not in f"{caught.value!r} {caught.value} {caught.value.document}"
