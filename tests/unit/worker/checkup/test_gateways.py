"""Who answers HTTP at a gateway's address, and why nobody does."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator  # noqa: TC003 -- in the types of fixtures

import pytest
import requests

from tests.serving import answering, closed_port
from worker.checkup.gateways import Door, _tell_silence, look_at_gateway, look_at_web
from worker.checkup.lines import Grade

ISTIO = {"Server": "istio-envoy"}


@pytest.fixture
def unheard_port() -> Iterator[int]:
    with closed_port() as port:
        yield port


def door(address: str, host: str | None = "shop.example.com") -> Door:
    return Door(address, host, ("shop", "blog"))


def knowing(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda _name, _port: list(addresses)


def unknown(_name: str, _port: int) -> list[str]:
    raise socket.gaierror(-2, "Name or service not known")


def test_any_answer_of_http_will_do_before_the_first_release() -> None:
    with answering(404, ISTIO) as address:
        (line,) = look_at_gateway(door(address))

    assert line.grade is Grade.OK
    assert line.found == "127.0.0.1 answers by istio-envoy (status 404)"


def test_a_name_is_told_with_what_it_stands_for() -> None:
    with answering(200) as address:
        named = address.replace("127.0.0.1", "localhost")
        (line,) = look_at_gateway(door(named), knowing("127.0.0.1", "::1"))

    assert line.found.startswith("localhost (127.0.0.1, ::1) answers")


def test_a_name_without_an_entry_may_be_a_load_balancer_that_is_pending() -> None:
    (line,) = look_at_gateway(door("http://lb.example.com"), unknown)

    assert line.grade is Grade.FAILED
    assert line.found == "no DNS entry for lb.example.com here (Name or service not known)"
    assert "correct apps.shop.gateway.address" in line.fix
    assert "`kubectl -n istio-system get service istio-ingressgateway`" in line.fix
    assert "<pending>" in line.fix


def test_a_name_of_the_clusters_own_is_to_be_asked_in_there() -> None:
    (line,) = look_at_gateway(door("http://gw.istio-system.svc.cluster.local"), unknown)

    assert "`kubectl -n verdigris exec deploy/releases -- verdigris doctor`" in line.fix


def test_an_address_where_nobody_listens_is_refused(unheard_port: int) -> None:
    (line,) = look_at_gateway(door(f"http://127.0.0.1:{unheard_port}"))

    assert line.grade is Grade.FAILED
    assert line.found == "127.0.0.1: Connection refused"
    assert "<pending>" in line.fix
    assert "NetworkPolicy" in line.fix


@pytest.mark.parametrize(
    ("error", "found", "fix"),
    [
        (requests.exceptions.SSLError("self-signed"), "certificate is not accepted", "http:// address"),
        (requests.exceptions.ReadTimeout(), "answers no HTTP", "an HTTP port of the ingress gateway"),
        (requests.exceptions.ConnectTimeout(), "no connection in time", "NetworkPolicy"),
    ],
)
def test_each_silence_has_its_fix(error: Exception, found: str, fix: str) -> None:
    line = _tell_silence(door("https://1.2.3.4"), "1.2.3.4", error)

    assert line.grade is Grade.FAILED
    assert found in line.found
    assert fix in line.fix


@pytest.mark.parametrize(
    ("status", "grade", "fix"),
    [(200, Grade.OK, ""), (503, Grade.FAILED, "VERDIGRIS_REDIS_URL"), (404, Grade.FAILED, "curl -i")],
)
def test_the_web_process_says_itself_whether_it_is_ready(status: int, grade: Grade, fix: str) -> None:
    with answering(status) as address:
        (line,) = look_at_web(f"{address}/")

    assert line.grade is grade
    assert fix in line.fix


def test_a_web_process_that_is_not_there_is_to_be_started(unheard_port: int) -> None:
    (line,) = look_at_web(f"http://127.0.0.1:{unheard_port}")

    assert line.grade is Grade.FAILED
    assert line.found == "Connection refused"
    assert "start `verdigris web`" in line.fix
