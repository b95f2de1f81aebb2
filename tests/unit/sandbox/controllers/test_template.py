import re

from sandbox.controllers.template import hash_template, is_same_template, random_suffix

TEMPLATE = {
    "metadata": {"labels": {"app": "shop"}},
    "spec": {"containers": [{"name": "app", "image": "shop:v1"}]},
}


def test_a_hash_depends_on_the_template_alone() -> None:
    shuffled = {"spec": TEMPLATE["spec"], "metadata": TEMPLATE["metadata"]}
    assert hash_template(TEMPLATE) == hash_template(shuffled)
    other = {**TEMPLATE, "spec": {"containers": [{"name": "app", "image": "shop:v2"}]}}
    assert hash_template(other) != hash_template(TEMPLATE)
    assert hash_template(TEMPLATE, collisions=1) != hash_template(TEMPLATE)


def test_a_hash_is_spelled_in_kubernetes_letters() -> None:
    assert re.fullmatch("[4-9bcdf]{1,10}", hash_template(TEMPLATE))
    assert re.fullmatch("[bcdfghjklmnpqrstvwxz2456789]{5}", random_suffix())


def test_the_hash_label_makes_no_other_template() -> None:
    labels = {"app": "shop", "pod-template-hash": "abc"}
    replica_set = {"spec": {"template": {**TEMPLATE, "metadata": {"labels": labels}}}}
    assert is_same_template(replica_set, TEMPLATE)
    assert not is_same_template(replica_set, {**TEMPLATE, "metadata": {}})
    assert labels["pod-template-hash"] == "abc"
