import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.controllers.scaling import Bounds, Counts, grow, shrink


def build(replicas: int, strategy: dict[str, object]) -> dict[str, object]:
    return {"spec": {"replicas": replicas, "strategy": strategy}}


def rolling(surge: int | str, unavailable: int | str) -> dict[str, object]:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        (build(4, {"type": "Recreate"}), Bounds(4, 0, 0)),
        (build(0, rolling("25%", "25%")), Bounds(0, 0, 0)),
        (build(1, {}), Bounds(1, 1, 0)),
        (build(10, rolling("25%", "25%")), Bounds(10, 3, 2)),
        (build(3, rolling(0, 0)), Bounds(3, 0, 1)),
        (build(2, rolling(1, 5)), Bounds(2, 1, 2)),
    ],
)
def test_surge_is_rounded_up_and_unavailable_down_and_one_of_them_is_not_zero(
    deployment: dict[str, object], expected: Bounds
) -> None:
    assert Bounds.of(deployment) == expected


def test_the_new_set_grows_as_far_as_the_surge_allows() -> None:
    assert grow(Bounds(3, 1, 0), Counts(0, 0), [Counts(3, 3)]) == 1
    assert grow(Bounds(3, 1, 0), Counts(1, 1), [Counts(2, 2)]) == 2
    assert grow(Bounds(2, 1, 0), Counts(5, 5), []) == 2


def test_old_pods_that_are_not_available_go_first() -> None:
    assert shrink(Bounds(3, 1, 1), Counts(1, 0), [Counts(2, 0), Counts(1, 1)]) == [1, 1]


@given(
    replicas=st.integers(1, 8),
    surge=st.integers(0, 4),
    unavailable=st.integers(0, 4),
    broken=st.integers(0, 8),
    order=st.randoms(use_true_random=False),
)
def test_a_rollout_stays_within_its_bounds_and_ends(
    replicas: int,
    surge: int,
    unavailable: int,
    broken: int,
    order: "st.Random",  # type: ignore[name-defined]
) -> None:
    """Plays a rollout: pods become available one by one, `broken` old ones never were."""
    bounds = Bounds.of(build(replicas, rolling(surge, unavailable)))
    healthy = max(0, replicas - broken)
    new, old = Counts(0, 0), Counts(replicas, healthy)
    least = min(healthy, bounds.least_available)
    for _ in range(10 * replicas + 10):
        new = Counts(grow(bounds, new, [old]), new.available)
        (size,) = shrink(bounds, new, [old])
        assert new.wanted + old.wanted <= replicas + bounds.surge
        lost = max(0, (old.wanted - size) - (old.wanted - old.available))
        old = Counts(size, old.available - lost)
        assert new.available + old.available >= least
        if new.available < new.wanted and order.random() < 0.7:
            new = Counts(new.wanted, new.available + 1)
    assert (new, old.wanted) == (Counts(replicas, replicas), 0)
