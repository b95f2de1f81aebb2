"""From templates to objects: the article's manifests, our own, and what goes wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from release.model import Color
from release.problems import Problem
from release.secret import Secret
from source.manifests import Manifests, objects_of, render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from release.config import App
    from source.manifests import Context

COOKIE = {"regex": r"^(.*?;\s*)?(test=true)(;.*)?$"}


def entries(virtual_service: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and subset of each entry."""
    return [
        (entry["name"], entry["route"][0]["destination"]["subset"])
        for entry in virtual_service["spec"]["http"]
    ]


def subsets(rule: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    return [(subset["name"], subset["labels"]) for subset in rule["spec"]["subsets"]]


def rules_of(manifests: Manifests) -> list[dict[str, Any]]:
    """The steady and the test form."""
    return [manifests.destination_rule_steady, manifests.destination_rule_test]


def container(manifests: Manifests) -> dict[str, Any]:
    found: dict[str, Any] = manifests.deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def environment(manifests: Manifests) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container(manifests)["env"]}


def test_the_articles_manifests_work_unchanged(article: Path, article_app: App, context: Context) -> None:
    found = render(article_app, article, context)

    assert found.deployment["metadata"]["name"] == "myapp-green"
    assert container(found)["image"] == "docker.io/acme/myapp:v2.0-green"
    assert found.service["spec"]["selector"] == {"app": "myapp"}
    assert found.gateway is not None
    assert entries(found.virtual_service_steady) == [("myapp-default", "blue")]
    assert entries(found.virtual_service_test) == [("myapp-test", "green"), ("myapp-default", "blue")]
    assert subsets(found.destination_rule_steady) == [("blue", {"color": "blue"})]
    assert subsets(found.destination_rule_test) == [
        ("blue", {"color": "blue"}),
        ("green", {"color": "green"}),
    ]
    assert found.extras == ()


def test_a_value_of_the_article_form_stays_one_value_and_unknown_names_stay(
    article: Path, article_app: App, context: Context
) -> None:
    found = environment(render(article_app, article, context))

    assert found == {
        "COLOR": "green",
        "PATH_OF_SHELL": "$HOME/$COLOR_TESTING",
        "DB_PASSWORD": "not: a #mapping",
    }


def test_a_value_of_a_color_is_a_variable_of_the_article_form(
    article: Path, make_app: Callable[..., App], make_context: Callable[..., Context], tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("greens-password: 1")
    app = make_app(
        manifests={"syntax": "envsubst", "variables": {"DOCKER_USERNAME": "acme", "DB_PASSWORD": "of-both"}},
        values_by_color={"green": {"DB_PASSWORD": {"file": str(tmp_path / "password")}}},
    )
    blue = make_context(color=Color.BLUE, live_color=Color.GREEN)

    assert environment(render(app, article, make_context()))["DB_PASSWORD"] == "greens-password: 1"
    assert environment(render(app, article, blue))["DB_PASSWORD"] == "of-both"


def test_a_value_that_only_the_other_color_has_is_no_text_of_the_manifest(
    article: Path, make_app: Callable[..., App], make_context: Callable[..., Context]
) -> None:
    app = make_app(
        manifests={"syntax": "envsubst", "variables": {"DOCKER_USERNAME": "acme"}},
        values_by_color={"blue": {"DB_PASSWORD": "of-blue"}},
    )

    with pytest.raises(Problem, match=r"deployment.yml:\d+: \$DB_PASSWORD has no value") as caught:
        render(app, article, make_context())

    assert caught.value.document.slug == "manifests-invalid"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("localhost:5000/acme/myapp:abc123", "abc123"),
        ("localhost:5000/acme/myapp", "v2.0-green"),
        ("myapp:v1", "v1"),
    ],
)
def test_the_workflow_id_of_the_article_is_the_images_tag(
    article: Path, article_app: App, image: str, expected: str, make_context: Callable[..., Context]
) -> None:
    found = render(article_app, article, make_context(image=image))

    assert container(found)["image"] == f"docker.io/acme/myapp:{expected}"


def test_verdigris_stamps_what_it_finds_its_way_by(article: Path, article_app: App, context: Context) -> None:
    found = render(article_app, article, context)

    assert {document["metadata"]["namespace"] for document in objects_of(found)} == {"shop"}
    labels = {"app": "myapp", "color": "green", "workflow": context.release}
    assert found.deployment["metadata"]["labels"] == labels
    assert found.deployment["spec"]["template"]["metadata"]["labels"] == labels
    assert found.deployment["spec"]["selector"]["matchLabels"] == {"app": "myapp", "color": "green"}
    assert found.deployment["metadata"]["annotations"] == {
        "verdigris.dev/release": context.release,
        "verdigris.dev/tag": "v2.0-green",
        "verdigris.dev/commit": context.commit,
    }
    test_entry = found.virtual_service_test["spec"]["http"][0]
    assert test_entry["match"] == [{"headers": {"cookie": COOKIE}}]
    assert test_entry["retries"] == {"attempts": 0}
    assert "retries" not in found.virtual_service_test["spec"]["http"][1]


def rewrite(tree: Path, file: str, *pairs: tuple[str, str]) -> None:
    path = tree / "manifests" / file
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


OWN_TEST_ROUTE = """      retries: {attempts: 3}
      timeout: 5s
      route:
        - destination: {host: myapp}"""
OWN_REDIRECT = """    - redirect: {uri: /new}
      match: [{uri: {exact: /old}}]
    -"""


def test_what_the_team_set_itself_stays(article: Path, article_app: App, context: Context) -> None:
    test_route = (
        "      route:\n        - destination:\n            host: myapp\n            subset: $COLOR_TEST"
    )
    rewrite(
        article,
        "route-test.yml",
        (test_route, OWN_TEST_ROUTE),
        ("      labels:\n        color: blue", "      trafficPolicy: {tls: {mode: DISABLE}}"),
        ("    - name: myapp-default", OWN_REDIRECT),
    )
    selector = "    matchLabels:\n"
    rewrite(article, "deployment.yml", (selector, f"{selector}      workflow: $SEMAPHORE_WORKFLOW_ID\n"))
    article_app = article_app.model_copy(update={"test_cookie": "preview=on"})

    found = render(article_app, article, context)

    test_entry, redirect, default = found.virtual_service_test["spec"]["http"]
    assert (test_entry["retries"], test_entry["timeout"]) == ({"attempts": 3}, "5s")
    assert test_entry["route"] == [{"destination": {"host": "myapp", "subset": "green"}}]
    assert test_entry["match"][0]["headers"]["cookie"] == {"regex": r"^(.*?;\s*)?(preview=on)(;.*)?$"}
    assert redirect == {"redirect": {"uri": "/new"}, "match": [{"uri": {"exact": "/old"}}]}
    assert default["name"] == "myapp-default"
    assert found.destination_rule_test["spec"]["subsets"][0] == {
        "name": "blue",
        "trafficPolicy": {"tls": {"mode": "DISABLE"}},
        "labels": {"color": "blue"},
    }
    assert found.deployment["spec"]["selector"]["matchLabels"] == {"app": "myapp", "color": "green"}


@pytest.mark.parametrize("color", list(Color))
def test_the_steady_form_keeps_only_the_live_colors_subset_and_the_test_form_both(
    article: Path, article_app: App, color: Color, make_context: Callable[..., Context]
) -> None:
    both = "    - name: blue\n    - name: green\n    - name: canary\n"
    for file in ("route.yml", "route-test.yml"):
        text = (article / "manifests" / file).read_text()
        (article / "manifests" / file).write_text(f"{text[: text.index('  subsets:')]}  subsets:\n{both}")

    found = render(article_app, article, make_context(color=color, live_color=color.other))

    names = [[subset["name"] for subset in rule["spec"]["subsets"]] for rule in rules_of(found)]
    assert names == [[color.other, "canary"], ["blue", "green", "canary"]]


def test_a_rule_without_subsets_gets_them(article: Path, article_app: App, context: Context) -> None:
    for file in ("route.yml", "route-test.yml"):
        text = (article / "manifests" / file).read_text()
        (article / "manifests" / file).write_text(text[: text.index("  subsets:")])

    found = render(article_app, article, context)

    assert subsets(found.destination_rule_steady) == [("blue", {"color": "blue"})]
    assert subsets(found.destination_rule_test) == [
        ("blue", {"color": "blue"}),
        ("green", {"color": "green"}),
    ]


def test_a_team_with_a_gateway_of_its_own_leaves_ours_out(
    article: Path, article_app: App, context: Context
) -> None:
    (article / "manifests" / "gateway.yml").unlink()

    assert render(article_app, article, context).gateway is None


@pytest.mark.parametrize("file", ["service.yml", "deployment.yml", "route.yml", "route-test.yml"])
def test_a_file_that_is_missing_is_told_with_the_repository(
    article: Path, article_app: App, context: Context, file: str
) -> None:
    (article / "manifests" / file).unlink()

    with pytest.raises(Problem) as caught:
        render(article_app, article, context)

    document = caught.value.document
    assert document.slug == "manifest-missing"
    assert f"{file} is not there" in document.detail
    assert "https://git.example.com/acme/myapp.git" in document.detail
    assert "myapp v2.0-green" in document.detail
    assert "token12345" not in document.detail


def test_a_file_without_its_object_is_told(article: Path, article_app: App, context: Context) -> None:
    rewrite(article, "route.yml", ("kind: DestinationRule", "kind: ServiceEntry"))

    with pytest.raises(Problem, match=r"route\.yml holds no DestinationRule"):
        render(article_app, article, context)


def test_a_service_may_stand_in_another_file_and_further_objects_are_kept(
    article: Path, article_app: App, context: Context
) -> None:
    folder = article / "manifests"
    (folder / "deployment.yml").write_text(
        f"{(folder / 'deployment.yml').read_text()}---\n{(folder / 'service.yml').read_text()}"
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: myapp-$COLOR_TEST\n"
    )
    (folder / "service.yml").unlink()

    found = render(article_app, article, context)

    assert found.service["metadata"]["name"] == "myapp"
    assert found.extras == (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "myapp-green", "namespace": "shop"}},
    )


def test_an_object_that_both_routes_repeat_is_one(article: Path, article_app: App, context: Context) -> None:
    config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    for file in ("route.yml", "route-test.yml"):
        path = article / "manifests" / file
        path.write_text(f"{path.read_text()}{config}")

    assert len(render(article_app, article, context).extras) == 1


def test_a_namespace_that_a_manifest_names_is_left_for_vetting(
    article: Path, article_app: App, context: Context
) -> None:
    rewrite(article, "service.yml", ("  name: myapp\n", "  name: myapp\n  namespace: kube-system\n"))

    found = render(article_app, article, context)

    assert found.service["metadata"]["namespace"] == "kube-system"


NAMED_WITH_COOKIE = """    - name: myapp-test
      match:
        - headers:
            cookie:"""
UNNAMED_WITH_AGENT = """    - match:
        - headers:
            agent:"""


@pytest.mark.parametrize(
    ("file", "old", "new", "what"),
    [
        ("service.yml", "spec:", "spec: [", "service.yml:"),
        ("deployment.yml", "  template:\n", "  template: none\n  rest:\n", "spec.template must be a mapping"),
        ("route.yml", "  http:\n", "  tcp:\n", "no spec.http entry"),
        ("route-test.yml", NAMED_WITH_COOKIE, UNNAMED_WITH_AGENT, "needs an entry myapp-test"),
        ("deployment.yml", "$DOCKER_USERNAME", "\ue0009\ue001", "stand for nothing"),
    ],
)
def test_a_mistake_is_told_with_app_tag_and_file(
    article: Path, article_app: App, context: Context, file: str, old: str, new: str, what: str
) -> None:
    rewrite(article, file, (old, new))

    with pytest.raises(Problem) as caught:
        render(article_app, article, context)

    document = caught.value.document
    assert document.slug == "manifests-invalid"
    for part in ("myapp v2.0-green", "manifests/ of https://git.example.com", file, what):
        assert part in document.detail


def test_two_entries_that_look_at_a_cookie_need_a_name(
    article: Path, article_app: App, context: Context
) -> None:
    other = "    - match: [{headers: {cookie: {exact: beta}}}]\n      redirect: {uri: /}\n"
    rewrite(article, "route-test.yml", ("  http:\n", f"  http:\n{other}"))
    assert entries_named(render(article_app, article, context)) == [None, "myapp-test", "myapp-default"]

    rewrite(article, "route-test.yml", ("name: myapp-test", "name: other"))
    with pytest.raises(Problem, match="name one myapp-test"):
        render(article_app, article, context)


def entries_named(manifests: Manifests) -> list[str | None]:
    return [entry.get("name") for entry in manifests.virtual_service_test["spec"]["http"]]


def test_our_own_templates_lead_callers_inside_the_mesh_too(
    app: App, empty_tree: Path, context: Context
) -> None:
    found = render(app, empty_tree, context)

    assert found.origin == "Verdigris' own templates"
    assert found.gateway is not None
    assert found.gateway["spec"]["servers"][0]["hosts"] == ["shop.example.com"]
    for form in (found.virtual_service_steady, found.virtual_service_test):
        assert form["spec"]["hosts"] == ["shop.example.com", "myapp"]
        assert form["spec"]["gateways"] == ["myapp-gateway", "mesh"]
    assert entries(found.virtual_service_steady) == [("myapp-default", "blue")]
    assert entries(found.virtual_service_test) == [("myapp-test", "green"), ("myapp-default", "blue")]
    assert found.virtual_service_test["spec"]["http"][0]["match"] == [{"headers": {"cookie": COOKIE}}]
    assert subsets(found.destination_rule_steady) == [("blue", {"color": "blue"})]
    assert subsets(found.destination_rule_test) == [
        ("blue", {"color": "blue"}),
        ("green", {"color": "green"}),
    ]
    assert found.service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": 3000}]
    assert found.service["spec"]["selector"] == {"app": "myapp"}


def test_our_deployment_drains_and_never_takes_all_its_pods_away(
    app: App, empty_tree: Path, context: Context
) -> None:
    found = render(app, empty_tree, context)

    spec = found.deployment["spec"]
    assert found.deployment["metadata"]["name"] == "myapp-green"
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 60
    assert "imagePullSecrets" not in spec["template"]["spec"]
    assert container(found) == {
        "name": "myapp",
        "image": "docker.io/acme/myapp:v2.0-green",
        "ports": [{"name": "http", "containerPort": 3000}],
        "env": [
            {"name": "COLOR", "value": "green"},
            {"name": "TAG", "value": "v2.0-green"},
            {"name": "PORT", "value": "3000"},
        ],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 2},
        "lifecycle": {"preStop": {"sleep": {"seconds": 10}}},
    }


def test_every_value_of_our_templates_has_its_place(
    app: App, empty_tree: Path, make_context: Callable[..., Context]
) -> None:
    values = {
        "hosts": ["*"],
        "port": 8000,
        "replicas": 5,
        "readiness_path": "/ready?a=b: c",
        "drain_seconds": 0,
        "grace_seconds": 90,
        "env": {"MODE": "it's: #1", "FLAG": True, "COUNT": 3, "DB_HOST": "common"},
        "DB_HOST": "db-green",
        "DB_PASSWORD": Secret('p4ss: "word" #and more'),
        "env_from": True,
        "resources": {"limits": {"memory": "64Mi"}},
        "image_pull_secrets": ["dockerhub"],
    }

    found = render(app, empty_tree, make_context(values=values))

    pod = found.deployment["spec"]["template"]["spec"]
    assert found.deployment["spec"]["replicas"] == 5
    assert pod["terminationGracePeriodSeconds"] == 90
    assert pod["imagePullSecrets"] == [{"name": "dockerhub"}]
    assert container(found)["envFrom"] == [{"secretRef": {"name": "env-green"}}]
    assert container(found)["resources"] == {"limits": {"memory": "64Mi"}}
    assert container(found)["readinessProbe"]["httpGet"]["path"] == "/ready?a=b: c"
    assert "lifecycle" not in container(found)
    assert environment(found) == {
        "COLOR": "green",
        "TAG": "v2.0-green",
        "PORT": "8000",
        "MODE": "it's: #1",
        "FLAG": "true",
        "COUNT": "3",
        "DB_HOST": "db-green",
        "DB_PASSWORD": 'p4ss: "word" #and more',
    }
    assert found.service["spec"]["ports"][0]["targetPort"] == 8000
    assert found.virtual_service_test["spec"]["hosts"] == ["*"]
    assert found.virtual_service_test["spec"]["gateways"] == ["myapp-gateway"]


@pytest.mark.parametrize("values", [{}, {"hosts": []}, {"hosts": "shop.example.com"}])
def test_our_templates_say_that_they_need_hosts(
    app: App, empty_tree: Path, values: dict[str, Any], make_context: Callable[..., Context]
) -> None:
    with pytest.raises(Problem) as caught:
        render(app, empty_tree, make_context(values=values))

    assert "gateway.yml" in caught.value.document.detail
    assert "set values.hosts" in caught.value.document.detail


def test_a_secret_is_in_the_objects_and_nowhere_else(
    app: App, empty_tree: Path, make_context: Callable[..., Context]
) -> None:
    secret = Secret("hunter2hunter2hunter2")
    context = make_context(values={"hosts": ["a.example.com"], "DB_PASSWORD": secret})

    found = render(app, empty_tree, context)

    assert environment(found)["DB_PASSWORD"] == "hunter2hunter2hunter2"
    assert "hunter2" not in repr(found) + str(found) + repr(context)


@pytest.mark.parametrize(
    "text",
    [
        "a: [{{ values.password }}",
        "{{ values.password.nothing }}",
        "{{ values.password | int('x', 'y', 'z') }}",
        "{{ fail(values.password) }}",
        "{{ values[values.password] }}",
        "apiVersion: v1\nkind: {{ values.password }}\nmetadata: {name: a}\nx: {a: 1, a: 2}",
    ],
)
def test_no_error_tells_a_secret(
    app: App, empty_tree: Path, text: str, make_context: Callable[..., Context]
) -> None:
    (empty_tree / "manifests").mkdir()
    (empty_tree / "manifests" / "service.yml").write_text(text)

    with pytest.raises(Problem) as caught:
        render(app, empty_tree, make_context(values={"password": Secret("hunter2hunter2hunter2")}))

    assert "hunter2" not in str(caught.value) + json.dumps(caught.value.document.as_json())
    assert "service.yml" in caught.value.document.detail


@pytest.mark.parametrize("text", ["{{ ''.__class__ }}", "{% include '/etc/passwd' %}"])
def test_a_hostile_template_is_told_as_a_problem(
    app: App, empty_tree: Path, context: Context, text: str
) -> None:
    (empty_tree / "manifests").mkdir()
    (empty_tree / "manifests" / "service.yml").write_text(text)

    with pytest.raises(Problem, match=r"service\.yml:1: "):
        render(app, empty_tree, context)


@pytest.mark.parametrize("tag", ["v1\nkind: Secret", "v1: x", "", "{{ 1 }}"])
def test_a_tag_that_could_change_a_manifest_is_no_context(
    tag: str, make_context: Callable[..., Context]
) -> None:
    with pytest.raises(ValueError, match="the tag"):
        make_context(tag=tag)


def test_a_manifests_folder_elsewhere_is_found(
    article: Path, context: Context, make_app: Callable[..., App]
) -> None:
    (article / "deploy").mkdir()
    (article / "manifests").rename(article / "deploy" / "k8s")
    app = make_app(
        manifests={
            "path": "deploy/k8s",
            "syntax": "envsubst",
            "variables": {"DOCKER_USERNAME": "acme", "DB_PASSWORD": "x"},
        }
    )

    assert render(app, article, context).origin.startswith("deploy/k8s/ of ")
