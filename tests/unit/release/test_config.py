"""The configuration file: what is accepted, and how each mistake is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from pydantic import BaseModel, ValidationError

from release.config import App, Config
from release.document import read_document
from release.loading import check_secrets, load_config, parse_config, secret_references
from release.model import Color
from release.references import ConfigError, SecretReference
from release.roles import Grant, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

GOGS = "{provider: gogs, repository: a/b, secrets: [{env: A}]}"
EXAMPLE = Path(__file__).parents[3] / "verdigris.example.yml"

MINIMAL = """\
apps:
  shop:
    repository: https://example.com/shop.git
    namespace: shop
    image: registry.example.com/shop:{tag}
    gateway: {address: "http://gateway.example.com"}
"""


def refusal(addition: str, *, text: str = MINIMAL) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(text + addition, name="verdigris.yml")
    return str(caught.value)


def test_four_fields_of_an_app_are_enough() -> None:
    app = parse_config(MINIMAL, name="verdigris.yml").apps["shop"]

    assert app.test_cookie == "test=true"
    assert app.deadlines.rollout == 120
    assert app.manifests.syntax == "jinja2"


@pytest.mark.parametrize(
    ("addition", "has_migration"),
    [("", False), ("    migrate: [[npm, run, migrate]]", True), ("    migrate_job: migrate.yml", True)],
    ids=["none", "commands", "job"],
)
def test_an_app_has_a_migration_where_it_names_one(addition: str, *, has_migration: bool) -> None:
    app = parse_config(MINIMAL + addition, name="verdigris.yml").apps["shop"]

    assert app.has_migration is has_migration
    assert app.migration == "expand"


def test_a_queue_is_the_apps_own_unless_it_names_one() -> None:
    own = parse_config(MINIMAL, name="verdigris.yml")
    named = parse_config(f"{MINIMAL}    queue: storefront\n", name="verdigris.yml")

    assert own.queue_of("shop") == "shop"
    assert named.queue_of("shop") == "storefront"


def test_a_tag_chooses_its_queue_by_the_first_pattern_that_fits() -> None:
    patterns = '    queue_by_tag: {"v*-fix*": urgent, "v2.*": two}\n'
    config = parse_config(f"{MINIMAL}    queue: storefront\n{patterns}", name="verdigris.yml")

    chosen = {tag: config.queue_of("shop", tag) for tag in ("v2.1-fix3-blue", "v2.1-blue", "v1-blue", "")}

    assert chosen == {
        "v2.1-fix3-blue": "urgent",
        "v2.1-blue": "two",
        "v1-blue": "storefront",
        "": "storefront",
    }
    assert config.queues_of("shop") == ("storefront", "urgent", "two")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("1h", 3600), ("1.5 h", 5400), ("2d", 172800)],
)
def test_lengths_of_time_are_written_as_people_say_them(written: str, seconds: float) -> None:
    app = parse_config(f"{MINIMAL}    keep_rollback_for: {written}\n", name="verdigris.yml").apps["shop"]

    assert app.keep_rollback_for == seconds


@pytest.mark.parametrize("written", ["1 week", "h", "-1h", "''", "-5", ".inf"])
def test_what_is_no_length_of_time_is_told(written: str) -> None:
    assert "keep_rollback_for" in refusal(f"    keep_rollback_for: {written}\n")


def test_an_app_is_found_by_name() -> None:
    config = parse_config(MINIMAL, name="verdigris.yml")

    assert config.find_app("shop") is config.apps["shop"]
    assert config.find_app("shoe") is None


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("r.io/shop:{tag}", "r.io/shop:v1-blue"),
        ("r.io/shop:{commit}", "r.io/shop:abc"),
        ("r.io/shop:{tag}-{commit}", "r.io/shop:v1-blue-abc"),
    ],
)
def test_the_image_is_that_of_the_tag_or_the_commit(image: str, expected: str) -> None:
    config = parse_config(MINIMAL.replace("registry.example.com/shop:{tag}", image), name="f")

    assert config.apps["shop"].image_for(tag="v1-blue", commit="abc") == expected


@pytest.mark.parametrize(
    ("addition", "line", "message"),
    [
        (
            "    start_when: ci-passed",
            2,
            "apps.shop: start_when: ci-passed and required_checks belong together: name both or none",
        ),
        (
            "    required_checks: [build]",
            2,
            "apps.shop: start_when: ci-passed and required_checks belong together: name both or none",
        ),
        (
            "    start_when: ci-passed\n    required_checks: [build]",
            2,
            "apps.shop: ci-passed needs a host that tells of its CI, and no webhook is named: use",
        ),
        (
            f"    start_when: ci-passed\n    required_checks: [b]\n    webhook: {GOGS}",
            2,
            "apps.shop: ci-passed needs a host that tells of its CI, and gogs does not: use image-exists",
        ),
        (
            "    registry: {username: deploy}",
            7,
            "apps.shop.registry: username and password belong together: name both or none",
        ),
        (
            "    require_signed_tags: {}",
            7,
            "apps.shop.require_signed_tags: name the file with the allowed keys: ssh, gpg or both",
        ),
        ("    nope: 1", 7, "apps.shop.nope: there is no such field"),
        ("    namespace: other", 7, "apps.shop.namespace: stands twice; keep one"),
        ("    migrate:\n      - npm run migrate", 8, "apps.shop.migrate.0: must be a list, as in [npm, run"),
        (
            "    migrate: [[a]]\n    migrate_job: m.yml",
            2,
            "apps.shop: migrate and migrate_job are two ways to do",
        ),
        ("    migrate_job: ../m.yml", 7, "apps.shop.migrate_job: String should match pattern"),
        ("    migration: shrink", 7, "apps.shop.migration: Input should be 'none', 'expand' or 'contract'"),
        ("    env_from: {red: [a]}", 7, "apps.shop.env_from.red: Input should be 'blue' or 'green'"),
        ("    image_pull_secrets: [Nope!]", 7, "apps.shop.image_pull_secrets.0: String should match pattern"),
        ("    deadlines:\n      rollout: .inf", 8, "apps.shop.deadlines.rollout: Input should be a finite"),
        ("    deadlines: {rollout: 0}", 7, "apps.shop.deadlines.rollout: Input should be greater than 0"),
        ("    manifests: {path: ../other}", 7, "apps.shop.manifests.path: must be a folder inside the repos"),
        ("    migration_files: /db", 7, "apps.shop.migration_files: must be a folder inside the repos"),
        (
            "    manifests: {path: /etc}",
            7,
            "apps.shop.manifests.path: must be a folder inside the repository",
        ),
        ("    manifests: {syntax: helm}", 7, "apps.shop.manifests.syntax: Input should be 'jinja2' or 'envs"),
        ("    manifests: {variables: {A: 1}}", 7, "apps.shop.manifests.variables.A: must be text"),
        ("    manifests: {variables: {A: {}}}", 7, "variables.A: name exactly one of env and file"),
        ("    manifests: {variables: {A: {enf: B}}}", 7, "variables.A.enf: there is no such field"),
        ("    values_by_color: {red: {}}", 7, "values_by_color.red: Input should be 'blue' or 'green'"),
        ("    values_by_color: {blue: {A: {env: B, file: C}}}", 7, "name exactly one of env and file"),
        ("    test_cookie: test", 7, "apps.shop.test_cookie: String should match pattern"),
        ("    queue: Storefront", 7, "apps.shop.queue: String should match pattern"),
        (
            "    webhook: {repository: example/shop, secrets: []}",
            7,
            "webhook.secrets: List should have at le",
        ),
        (
            "    webhook: {repository: shop, secrets: [{env: A}]}",
            7,
            "webhook.repository: String should match",
        ),
        ("    webhook: {secrets: [{env: A}]}", 7, "apps.shop.webhook.repository: is missing"),
        ("    smoke:\n      requests:\n        - path: about", 9, "apps.shop.smoke.requests.0.path: String"),
        ("  Shop: {}", 7, "apps.Shop: String should match pattern"),
        ("  shoe: null", 7, "apps.shoe: must be a mapping"),
        ("tokens:\n  - name: ci\n    value: {env: ''}", 9, "tokens.0.value.env: String should have at least"),
        ("tokens: [{name: ci, value: hunter2}]", 7, "tokens.0.value: must be a mapping"),
        (
            "tokens: [{name: ci, value: {env: A}, role: root}]",
            7,
            "tokens.0.role: Input should be 'viewer', 'rel",
        ),
        ("tokens: [{name: ci, value: {env: A}, expires: soon}]", 7, "tokens.0.expires: "),
        (
            "tokens: [{name: ci, value: {env: A}, apps: [shoop]}]",
            1,
            "the token ci is for the app shoop, which is not among apps",
        ),
        ("audit: {keep: 10}", 7, "audit.keep: Input should be greater than or equal to 1000"),
        ("apps: {}", 7, "apps: stands twice; keep one"),
        ("public_read: [", 7, "no valid YAML: "),
        ("    values: {date: 2001-99-99}", 1, "no valid YAML: month must be in 1..12"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_field(addition: str, line: int, message: str) -> None:
    text = refusal(addition)

    findings = [finding for finding in text.splitlines() if message in finding]
    assert len(findings) == 1, text
    assert findings[0].startswith(f"verdigris.yml:{line}: ")


def test_a_missing_field_is_told_with_the_line_of_the_app_that_lacks_it() -> None:
    text = refusal("  shoe:\n    namespace: shoe\n    image: x:{tag}\n    gateway: {address: http://x}\n")

    assert text == "verdigris.yml:7: apps.shoe.repository: is missing"


def test_a_value_that_fits_no_type_is_one_finding() -> None:
    text = refusal("    values_by_color: {blue: {A: [1]}}")

    assert len(text.splitlines()) == 1
    assert "apps.shop.values_by_color.blue.A: must be text" in text
    assert "or: Input should be a valid integer" in text


def test_every_mistake_is_told_at_once_in_the_order_of_lines() -> None:
    text = refusal("    nope: 1\n    namespace: other\n    max_restarts: -1\n")

    assert [finding.split(":")[1] for finding in text.splitlines()] == ["7", "8", "9"]


def test_two_tokens_of_one_name_are_refused() -> None:
    text = refusal("tokens:\n  - {name: ci, value: {env: A}}\n  - {name: ci, value: {env: B}}\n")

    assert text == "verdigris.yml:7: tokens: two tokens are named ci; give each a name of its own"


def test_a_token_is_an_admin_without_an_end_unless_its_line_says_otherwise() -> None:
    text = f"""{MINIMAL}tokens:
  - {{name: a, value: {{env: A}}}}
  - {{name: b, value: {{env: B}}, role: releaser, apps: [shop], expires: 2027-01-01}}
  - {{name: c, value: {{env: C}}, expires: "2027-01-01"}}
"""
    tokens = parse_config(text, name="verdigris.yml").tokens

    assert [token.grant for token in tokens] == [
        Grant(Role.ADMIN),
        Grant(Role.RELEASER, frozenset({"shop"})),
        Grant(Role.ADMIN),
    ]
    end = datetime(2027, 1, 1, tzinfo=UTC)
    assert [token.expires_at for token in tokens] == [None, end, end]


def test_a_manifests_folder_inside_the_repository_is_taken() -> None:
    config = parse_config(f"{MINIMAL}    manifests: {{path: deploy/k8s}}\n", name="f")

    assert config.apps["shop"].manifests.path == "deploy/k8s"


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("v{tag}.example.com/x:1", "the registry's name, before the first /, can't depend on the tag"),
        ("registry.example.com/Shop:{tag}", "which no registry takes for an image"),
    ],
)
def test_an_image_that_a_tag_could_send_elsewhere_or_that_is_none_is_refused(image: str, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(MINIMAL.replace("registry.example.com/shop:{tag}", image), name="verdigris.yml")

    assert "apps.shop.image: " in str(refused.value)
    assert why in str(refused.value)


def test_an_image_without_tag_or_commit_is_refused() -> None:
    text = refusal("", text=MINIMAL.replace("{tag}", "latest"))

    assert text.startswith("verdigris.yml:5: apps.shop.image: ")


@pytest.mark.parametrize("text", ["", "# nothing but a remark\n", "---\n"])
def test_an_empty_file_is_told_as_empty(text: str) -> None:
    assert refusal("", text=text) == "verdigris.yml:1: the file is empty; start from verdigris.example.yml"


def test_a_file_that_is_a_list_is_refused() -> None:
    assert refusal("", text="[]") == "verdigris.yml:1: the file: must be a mapping"


def test_a_second_document_in_the_file_is_refused() -> None:
    assert refusal("---\napps: {}\n").startswith("verdigris.yml:7: no valid YAML: ")


def test_a_secret_written_into_the_file_is_not_repeated_in_the_message() -> None:
    assert "hunter2" not in refusal("tokens: [{name: ci, value: hunter2}]")


def test_the_file_is_read_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "verdigris.yml"
    path.write_text(MINIMAL, encoding="utf-8")

    assert list(load_config(path).apps) == ["shop"]


def test_a_missing_file_is_told_with_where_to_start(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"none\.yml: can't be read \(No such file.*verdigris\.example\.yml"
    ):
        load_config(tmp_path / "none.yml")


def test_a_file_that_is_no_utf8_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "verdigris.yml"
    path.write_bytes(b"apps: \xff")

    with pytest.raises(ConfigError, match=r"is no UTF-8 text \(byte 6\)"):
        load_config(path)


LONG = "0123456789abcdef"


def test_a_secret_is_read_from_the_environment() -> None:
    secret = SecretReference(env="TOKEN").resolve({"TOKEN": f" {LONG}\n"})

    assert secret.reveal() == LONG


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{LONG}\n", encoding="utf-8")

    assert SecretReference(file=path).resolve().reveal() == LONG


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "environment variable TOKEN can't be read: set it"),
        ({"TOKEN": " \n"}, "environment variable TOKEN is blank: set it"),
        ({"TOKEN": LONG[:-1]}, "environment variable TOKEN has fewer than 16 characters: use a longer one"),
    ],
)
def test_a_missing_blank_or_short_secret_is_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SecretReference(env="TOKEN").resolve(environment)


def test_a_secret_in_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"\xff" * 32)

    with pytest.raises(ConfigError, match="can't be read"):
        SecretReference(file=path).resolve()


def test_a_value_for_the_app_may_be_shorter_than_a_secret_of_ours() -> None:
    config = parse_config(f"{MINIMAL}    values_by_color: {{blue: {{A: {{env: A}}}}}}\n", name="f")
    reference = config.apps["shop"].values_by_color[Color.BLUE]["A"]

    assert isinstance(reference, SecretReference)
    assert reference.resolve({"A": "short"}).reveal() == "short"


def test_every_secret_that_can_not_be_used_is_told_with_its_line() -> None:
    text = f"{MINIMAL}tokens:\n  - name: ci\n    value: {{env: CI}}\n  - name: me\n    value: {{env: ME}}\n"
    config = parse_config(text, name="f")

    with pytest.raises(ConfigError) as caught:
        check_secrets(config, text, name="f", environment={"ME": "short"})

    short = "the secret in environment variable ME has fewer than 16 characters: use a longer one"
    assert str(caught.value).splitlines() == [
        "f:9: tokens.0.value: the secret in environment variable CI can't be read: set it",
        f"f:11: tokens.1.value: {short}",
    ]


def test_secrets_that_can_be_used_pass() -> None:
    text = f"{MINIMAL}tokens: [{{name: ci, value: {{env: CI}}}}]\n"

    check_secrets(parse_config(text, name="f"), text, name="f", environment={"CI": LONG})


def test_a_release_carries_the_secret_values_and_variables_of_its_app_and_no_others(tmp_path: Path) -> None:
    places = {}
    for name in ("token", "hook", "variable", "value"):
        places[name] = tmp_path / name
        places[name].write_text(f"the-secret-of-{name}", encoding="utf-8")
    text = f"""{MINIMAL}\
    webhook: {{repository: example/shop, secrets: [{{file: {places["hook"]}}}]}}
    manifests: {{variables: {{A: {{file: {places["variable"]}}}, B: plain}}}}
    values_by_color: {{blue: {{C: {{file: {places["value"]}}}, D: 1}}}}
  other: {{repository: x, namespace: x, image: "x:{{tag}}", gateway: {{address: "http://x"}}}}
tokens: [{{name: ci, value: {{file: {places["token"]}}}}}]
"""
    config = parse_config(text, name="f")

    carried = {secret.reveal() for secret in config.release_secrets("shop")}
    assert carried == {"the-secret-of-variable", "the-secret-of-value"}
    assert config.release_secrets("other") == []
    assert config.release_secrets("unknown") == []


def test_the_example_loads_and_refers_to_its_secrets() -> None:
    references = dict(secret_references(load_config(EXAMPLE)))

    assert references["tokens", 0, "value"].env == "VERDIGRIS_TOKEN_CI"
    assert references["sign_in", "client_secret"].env == "VERDIGRIS_CLIENT_SECRET"
    assert references["apps", "addressbook", "manifests", "variables", "DB_PASSWORD"]
    assert len(references) == 11


def parts(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The models that a model is made of, itself included."""
    yield model
    for field in model.model_fields.values():
        for found in models_in(field.annotation):
            yield from parts(found)


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def test_the_example_names_every_field() -> None:
    example = EXAMPLE.read_text(encoding="utf-8")
    fields = {field.alias or name for model in parts(Config) for name, field in model.model_fields.items()}

    assert len(fields) > 40
    assert {name for name in fields if f"{name}:" not in example} == set()


def test_values_in_the_example_are_defaults_unless_marked() -> None:
    """A reader takes what is shown for the default; so each other value says that it is an example."""
    text = EXAMPLE.read_text(encoding="utf-8")
    lines, document = text.splitlines(), read_document(text)
    shown = load_config(EXAMPLE)

    def unmarked(part: BaseModel, above: tuple[str | int, ...]) -> Iterator[str]:
        for name in part.model_fields_set:
            value, here = getattr(part, name), (*above, name)
            if isinstance(value, BaseModel):
                yield from unmarked(value, here)
            elif not isinstance(value, list | dict) or value == {}:
                line = lines[document.line_of(here) - 1]
                default = type(part).model_fields[name].default
                if value != default and "example" not in line.rpartition("#")[2]:
                    yield line

    assert list(unmarked(shown.apps["shop"], ("apps", "shop"))) == []


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        (None, "example.com"),
        ("https://shop.example.org", "example.com"),
        ("https://shop.myexample.com", "example.com"),
        ("https://shop.example.com", "com"),
        ("shop.example.com", None),
        ("https://ann:secret@shop.example.com", None),
        ("https://shop.example.com/'x", None),
    ],
)
def test_an_address_that_no_cookie_or_link_can_lead_to_is_refused(
    address: str | None, domain: str | None
) -> None:
    app = load_config(EXAMPLE).apps["shop"].model_dump(exclude_unset=True, by_alias=True)

    with pytest.raises(ValidationError):
        App.model_validate({**app, "public_url": address, "test_cookie_domain": domain})


def test_an_address_and_a_domain_that_it_is_in_are_taken() -> None:
    app = load_config(EXAMPLE).apps["shop"].model_dump(exclude_unset=True, by_alias=True)
    given = {"public_url": "https://shop.example.com/start", "test_cookie_domain": "example.com"}

    assert App.model_validate({**app, **given}).public_url == "https://shop.example.com/start"
