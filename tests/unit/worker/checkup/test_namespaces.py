"""Whether a namespace is there, and what our account may do in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cluster.permissions import Right, covers
from release.config import App, Config
from tests.unit.cluster.fakes import Answer, fake_cluster
from worker.checkup.clusters import Context
from worker.checkup.lines import Grade, Line
from worker.checkup.namespaces import look_at_namespace, rights_of, words

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLE = Path(__file__).parents[4] / "deploy" / "app-role" / "role.yml"
RULES: list[dict[str, Any]] = yaml.safe_load(ROLE.read_text(encoding="utf-8"))["rules"]
HERE = Context(None, None, ("shop",))


def apps(**more: object) -> Mapping[str, App]:
    shop = {
        "repository": "/srv/git/shop.git",
        "namespace": "shop",
        "image": "shop:{tag}",
        "gateway": {"address": "http://127.0.0.1"},
        **more,
    }
    return Config.model_validate({"apps": {"shop": shop}}).apps


def review(*rules: dict[str, Any], incomplete: bool = False) -> Answer:
    return Answer(201, {"status": {"resourceRules": list(rules), "incomplete": incomplete}})


def look(*answers: Answer, **more: object) -> list[Line]:
    cluster, _ = fake_cluster(answers)
    return look_at_namespace(HERE, cluster, "shop", apps(**more))


THERE = Answer(200, {"kind": "Namespace"})
HIDDEN = Answer(403, {"message": "namespaces is forbidden"})


def test_the_role_that_we_deliver_is_all_that_is_asked_for() -> None:
    wanted = rights_of(apps(migrate=[["migrate"]]))

    uncovered = [
        right for right in (*wanted.needed, *wanted.useful) if not any(covers(rule, right) for rule in RULES)
    ]

    assert wanted.needed
    assert wanted.useful
    assert uncovered == []


def test_both_colors_are_asked_about() -> None:
    named = {right.name for right in rights_of(apps()).needed if right.resource == "deployments"}

    assert {"shop-blue", "shop-green"} <= named


def test_with_the_role_all_is_ok() -> None:
    lines = look(THERE, review(*RULES))

    assert [(line.about, line.grade) for line in lines] == [
        ("namespace shop", Grade.OK),
        ("rights in shop", Grade.OK),
    ]


def test_a_namespace_that_we_may_not_read_is_there_where_our_rights_are() -> None:
    lines = look(HIDDEN, review(*RULES))

    assert [line.grade for line in lines] == [Grade.OK, Grade.OK]
    assert lines[0].found == "our rights are bound in it"


def test_a_missing_namespace_is_told_once_with_both_commands() -> None:
    (line,) = look(Answer(404, {"message": 'namespaces "shop" not found'}))

    assert line.grade is Grade.FAILED
    assert line.found == "does not exist; shop can't be released"
    assert line.fix == "`kubectl create namespace shop`, then `kubectl apply -k deploy/app-role -n shop`"


def test_no_right_at_all_may_also_mean_no_namespace() -> None:
    (line,) = look(HIDDEN, review())

    assert line.grade is Grade.FAILED
    assert "`kubectl get namespace shop`" in line.fix
    assert "`kubectl apply -k deploy/app-role -n shop`" in line.fix


def test_a_right_that_a_stage_needs_is_named_with_its_resource() -> None:
    rules = [rule for rule in RULES if rule["apiGroups"] != ["networking.istio.io"]]

    lines = look(THERE, review(*rules))

    failed = next(line for line in lines if line.grade is Grade.FAILED)
    assert "get, create, patch virtualservices.networking.istio.io" in failed.found
    assert failed.fix == "`kubectl apply -k deploy/app-role -n shop`"


def test_a_right_that_sanity_could_use_is_a_warning() -> None:
    rules = [rule for rule in RULES if "resourcequotas" not in rule["resources"]]

    lines = look(THERE, review(*rules))

    assert [line.grade for line in lines] == [Grade.OK, Grade.WARNING]
    assert "list resourcequotas" in lines[1].found


def test_a_kind_that_an_app_may_bring_is_asked_about() -> None:
    lines = look(THERE, review(*RULES), manifests={"allowed_kinds": ["ConfigMap", "CronJob", "Unheard"]})

    assert "get, create, patch cronjobs.batch" in lines[1].found
    assert "`manifests.allowed_kinds`" in lines[1].fix


def test_rights_are_told_by_resource() -> None:
    rights = [
        Right("get", "apps", "deployments", "a"),
        Right("get", "apps", "deployments", "b"),
        Right("patch", "apps", "deployments", "b"),
        Right("list", "", "pods"),
    ]

    assert words(rights) == "get, patch deployments.apps; list pods"


def test_a_cluster_that_goes_away_in_between_is_told() -> None:
    (line,) = look(Answer(503, {"message": "the server is starting"}))

    assert line.grade is Grade.FAILED
    assert line.found == "the server is starting"
    assert "auth can-i --list -n shop" in line.fix
