"""What our account may do: one review of all rules, single questions only where that one is incomplete."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3
from kubernetes.client.configuration import Configuration

from cluster.connection import Cluster
from cluster.errors import Unavailable
from cluster.permissions import Right, covers, find_missing, rights_on
from release.problems import Problem
from tests.unit.cluster.fakes import Answer, answer_of, fake_cluster

PATCH = Right("patch", "apps", "deployments", "shop-blue")
LOG = Right("get", "", "pods/log")
SECRET = Right("get", "", "secrets", "registry")
RULES_PATH = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
ACCESS_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def rule(group: str, resource: str, *verbs: str, names: tuple[str, ...] = ()) -> dict[str, Any]:
    made = {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    return {**made, "resourceNames": list(names)} if names else made


def rules(*listed: dict[str, Any], **status: object) -> Answer:
    return Answer(201, {"status": {"resourceRules": list(listed), "incomplete": False, **status}})


class Reviewer(urllib3.PoolManager):
    """Answers by path, in whatever order it is asked: an access review by the verb that it is about."""

    def __init__(self, first: Answer, *, allowed: set[str]) -> None:
        super().__init__()
        self.asked: list[dict[str, Any]] = []
        self._first = first
        self._allowed = allowed

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]  # noqa: ANN401 -- what urllib3 takes
        assert method == "POST"
        if url.endswith(RULES_PATH):
            return self._respond(self._first.status, self._first.body)
        attributes = json.loads(options["body"])["spec"]["resourceAttributes"]
        self.asked.append(attributes)
        recorded = answer_of("selfsubjectaccessreview-allowed")
        recorded["status"] = {"allowed": attributes["verb"] in self._allowed}
        return self._respond(201, recorded)

    @staticmethod
    def _respond(status: int, body: object) -> urllib3.HTTPResponse:
        return urllib3.HTTPResponse(json.dumps(body).encode(), status=status, preload_content=False)


def reviewed(first: Answer, *, allowed: set[str]) -> tuple[Cluster, Reviewer]:
    configuration = Configuration()
    configuration.host = "http://cluster.test:6443"
    pool = Reviewer(first, allowed=allowed)
    return Cluster(configuration, pool), pool


def test_all_rules_are_asked_for_at_once() -> None:
    cluster, pool = fake_cluster(
        [rules(rule("apps", "deployments", "get", "patch"), rule("", "pods", "get"))]
    )

    missing = find_missing(cluster, "shop", [PATCH, LOG, SECRET])

    assert missing == [LOG, SECRET]
    assert [(sent.path, sent.body["spec"]) for sent in pool.sent] == [(RULES_PATH, {"namespace": "shop"})]


@pytest.mark.parametrize("status", [{"incomplete": True}, {"evaluationError": "a webhook can't list rules"}])
def test_what_an_incomplete_list_does_not_show_is_asked_one_by_one(status: dict[str, object]) -> None:
    cluster, pool = reviewed(rules(rule("apps", "deployments", "patch"), **status), allowed={"list"})

    missing = find_missing(cluster, "shop", [PATCH, LOG, Right("list", "", "services")])

    assert missing == [LOG]
    assert sorted(pool.asked, key=lambda asked: asked["verb"]) == [
        {"namespace": "shop", "verb": "get", "resource": "pods", "subresource": "log"},
        {"namespace": "shop", "verb": "list", "resource": "services"},
    ]


def test_a_server_without_that_review_is_asked_for_each_right() -> None:
    cluster, pool = reviewed(Answer(404, {"message": "not found"}), allowed={"patch"})

    assert find_missing(cluster, "shop", [PATCH, SECRET]) == [SECRET]
    assert {"namespace": "shop", "verb": "get", "resource": "secrets", "name": "registry"} in pool.asked


def test_a_server_that_is_away_is_no_answer() -> None:
    cluster, _ = fake_cluster([Answer(503, {"message": "starting"})])

    with pytest.raises(Unavailable):
        find_missing(cluster, "shop", [PATCH])


@pytest.mark.parametrize(
    ("given", "right", "is_covered"),
    [
        (rule("apps", "deployments", "patch"), PATCH, True),
        (rule("*", "*", "*"), PATCH, True),
        (rule("apps", "deployments", "get"), PATCH, False),
        (rule("", "deployments", "patch"), PATCH, False),
        (rule("apps", "deployments", "patch", names=("shop-blue",)), PATCH, True),
        (rule("apps", "deployments", "patch", names=("shop-green",)), PATCH, False),
        (rule("", "pods", "get"), LOG, False),
        (rule("", "pods/log", "get"), LOG, True),
        (rule("", "*/log", "get"), LOG, True),
        (rule("", "*", "get"), LOG, True),
        (rule("", "secrets", "create", names=("registry",)), Right("create", "", "secrets"), False),
        ({"verbs": ["*"]}, PATCH, False),
    ],
)
def test_rules_cover_rights_as_rbac_says(given: dict[str, Any], right: Right, *, is_covered: bool) -> None:
    assert covers(given, right) is is_covered


def test_rights_on_a_kind_name_the_object_only_where_a_server_looks_at_names() -> None:
    assert rights_on("Deployment", "get", "list", "create", name="shop-blue") == [
        Right("get", "apps", "deployments", "shop-blue"),
        Right("list", "apps", "deployments"),
        Right("create", "apps", "deployments"),
    ]
    with pytest.raises(Problem, match="Unicorn is none of"):
        rights_on("Unicorn", "get")


@pytest.mark.parametrize(
    ("right", "place"),
    [
        (PATCH, "deployments.apps"),
        (LOG, "pods/log"),
        (Right("get", "apps", "deployments/scale"), "deployments.apps/scale"),
    ],
)
def test_a_resource_is_named_as_people_write_it(right: Right, place: str) -> None:
    assert right.place == place
