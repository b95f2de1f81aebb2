import pytest

from cluster.kinds import Ref, collection_path, object_path, ref_of
from release.problems import Problem


@pytest.mark.parametrize(
    ("ref", "path"),
    [
        (Ref("Pod", "shop", "a"), "/api/v1/namespaces/shop/pods/a"),
        (Ref("Deployment", "shop", "a"), "/apis/apps/v1/namespaces/shop/deployments/a"),
        (
            Ref("VirtualService", "shop", "a"),
            "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/a",
        ),
        (Ref("Namespace", "", "shop"), "/api/v1/namespaces/shop"),
        (Ref("Pod", "shop", "../secrets/x"), "/api/v1/namespaces/shop/pods/..%2Fsecrets%2Fx"),
    ],
)
def test_each_kind_has_its_place(ref: Ref, path: str) -> None:
    assert object_path(ref) == path


def test_an_object_goes_to_the_version_it_was_written_in() -> None:
    path = collection_path("VirtualService", "shop", api_version="networking.istio.io/v1alpha3")
    assert path == "/apis/networking.istio.io/v1alpha3/namespaces/shop/virtualservices"


@pytest.mark.parametrize(
    ("kind", "version"), [("Gateway", "gateway.networking.k8s.io/v1"), ("Widget", "acme.example/v1")]
)
def test_a_kind_that_is_not_ours_is_refused_with_the_list_of_those_that_are(kind: str, version: str) -> None:
    with pytest.raises(Problem, match=f"{kind}.* is none of: .*VirtualService"):
        collection_path(kind, "shop", api_version=version)


def test_a_reference_reads_as_people_write_it() -> None:
    obj = {"kind": "Service", "metadata": {"name": "myapp", "namespace": "shop"}}
    assert str(ref_of(obj)) == "Service shop/myapp"
