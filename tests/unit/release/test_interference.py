"""Who moved users, and what our records and people are told of it: tables over a look and our records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release.interference import count_moves, find_interference
from release.model import (
    VERDIGRIS,
    Actor,
    Color,
    Job,
    JobKind,
    JobState,
    Release,
    Stage,
    StageRun,
    StageState,
    State,
)
from release.observation import ColorObservation, Observation
from release.others import Interference
from release.records import Change
from tests.unit.release.sights import (
    ANNA,
    ARGO,
    BLUE,
    GREEN,
    NOW,
    OURS,
    PATCH,
    PROMOTED,
    READY,
    look,
    runs,
)


def job(kind: JobKind, *, started: bool = True) -> Job:
    return Job(
        id="J1",
        app="shop",
        kind=kind,
        queue="shop",
        state=JobState.RUNNING,
        color=Color.GREEN,
        release_id="G3",
        tag="v3-green",
        stages=(StageRun(Stage.DEPLOY, StageState.RUNNING),),
        stage_index=0,
        fence=1,
        attempt=1,
        actor=ANNA,
        reason="",
        created_at=NOW,
        started_at=NOW if started else None,
    )


def steps(
    seen: Observation, *releases: Release, active: Job | None = None, known: Interference | None = None
) -> dict[str, tuple[str, str]]:
    """Where each release goes, and by whom."""
    made = find_interference(seen, releases, active=active, known=known).moves
    return {move.release_id: (move.target.value, str(move.actor)) for move in made}


def told(
    seen: Observation, *releases: Release, active: Job | None = None, known: Interference | None = None
) -> Interference | None:
    return find_interference(seen, releases, active=active, known=known).interference


def get(seen: Observation, *releases: Release) -> Interference:
    found = told(seen, *releases)
    assert found
    return found


BY_ARGO = "cluster:argocd-controller"


@pytest.mark.parametrize(
    ("seen", "releases", "expected"),
    [
        pytest.param(look(Color.BLUE), (BLUE, GREEN), {}, id="users are where we moved them"),
        pytest.param(
            look(),
            (BLUE, GREEN),
            {"B2": ("rolled-back", BY_ARGO), "G1": ("live", BY_ARGO)},
            id="back to what was live before",
        ),
        pytest.param(
            look(green=READY),
            (BLUE, READY),
            {"B2": ("standby", BY_ARGO), "G3": ("live", BY_ARGO)},
            id="on to what is ready: the other can be rolled back to",
        ),
        pytest.param(
            look(route_writer=None),
            (BLUE, GREEN),
            {"B2": ("rolled-back", "cluster:somebody"), "G1": ("live", "cluster:somebody")},
            id="the route does not tell who",
        ),
        pytest.param(
            look(route_writer=OURS),
            (BLUE, GREEN),
            {"B2": ("rolled-back", "cluster:somebody"), "G1": ("live", "cluster:somebody")},
            id="our own write since then hides who",
        ),
        pytest.param(
            look(green=replace(GREEN, id="foreign")),
            (BLUE,),
            {"B2": ("rolled-back", BY_ARGO)},
            id="to something that no record knows",
        ),
        pytest.param(
            look(live=None, green=GREEN, live_release=None, switch=None),
            (BLUE, GREEN),
            {"B2": ("rolled-back", BY_ARGO), "G1": ("live", BY_ARGO)},
            id="the notes were wiped off the route",
        ),
        pytest.param(
            look(
                green=READY, live_release=None, switch=None, blue=ColorObservation(Color.BLUE, exists=False)
            ),
            (READY,),
            {"G3": ("live", BY_ARGO)},
            id="nothing was live by our records",
        ),
        pytest.param(
            look(live_release="G1"),
            (BLUE, GREEN),
            {"B2": ("rolled-back", BY_ARGO), "G1": ("live", BY_ARGO)},
            id="to where the route's note has them",
        ),
        pytest.param(
            look(live_release="G1", route_writer=OURS),
            (BLUE, GREEN),
            {"B2": ("rolled-back", "person:anna"), "G1": ("live", "person:anna")},
            id="by ourselves: our records are older than the cluster",
        ),
        pytest.param(
            look(live_release="G1", route_writer=OURS, switch=None),
            (BLUE, GREEN),
            {"B2": ("rolled-back", str(VERDIGRIS)), "G1": ("live", str(VERDIGRIS))},
            id="by ourselves, with half of the note gone",
        ),
        pytest.param(replace(look(has_route=None), default=None), (BLUE, GREEN), {}, id="nobody could look"),
        pytest.param(replace(look(has_route=False), default=None), (BLUE, GREEN), {}, id="the route is gone"),
        pytest.param(
            look(), (replace(BLUE, updated_at=NOW - timedelta(seconds=4)), GREEN), {}, id="records are fresh"
        ),
    ],
)
def test_records_follow_the_cluster(
    seen: Observation, releases: tuple[Release, ...], expected: dict[str, tuple[str, str]]
) -> None:
    assert steps(seen, *releases) == expected


@pytest.mark.parametrize(
    ("active", "is_followed"),
    [
        (None, True),
        (job(JobKind.PROMOTE), False),
        (job(JobKind.ROLLBACK), False),
        (job(JobKind.PROMOTE, started=False), True),
        (job(JobKind.DEPLOY), True),
        (job(JobKind.DECOMMISSION), True),
    ],
)
def test_a_switch_of_ours_in_flight_is_no_revert(active: Job | None, is_followed: bool) -> None:  # noqa: FBT001 -- a column of the table
    assert bool(steps(look(), BLUE, GREEN, active=active)) is is_followed


def test_it_is_told_who_moved_users_what_they_get_and_what_to_do() -> None:
    found = get(look(), BLUE, GREEN)

    assert found.what == (
        "Argo CD, as argocd-controller (Apply, 12:03:04 UTC), moved every user from v2-blue (blue) "
        "back to v1-green (green)"
    )
    assert found.users == "Users get v1-green (green) now"
    assert "`ignoreDifferences`" in found.next_step
    assert found.next_step.endswith(
        "Then `verdigris promote shop --release B2` moves users to v2-blue (blue) again"
    )
    assert (found.writer, found.seen_at, found.times, found.again) == (ARGO, NOW, 1, "")
    assert replace(found, times=2).again.startswith("It happened 2 times within an hour")


@pytest.mark.parametrize(
    ("seen", "releases", "what", "users", "way"),
    [
        pytest.param(
            look(green=READY, route_writer=PATCH),
            (BLUE, READY),
            "kubectl-patch (Update, 12:00:00 UTC), on an object that bears the marks of Flux, moved every "
            "user from v2-blue (blue) to v3-green (green)",
            "Users get v3-green (green) now",
            "`verdigris rollback shop` moves users to v2-blue (blue) again",
            id="to what was ready",
        ),
        pytest.param(
            look(test_route=None, fingerprint="other", subsets=(Color.GREEN,)),
            (replace(BLUE, state=State.ROLLED_BACK), replace(GREEN, state=State.LIVE)),
            "moved every user from v2-blue (blue) back to v1-green (green)",
            "Users get v1-green (green) now. Also, the DestinationRule has no subset blue. Also, the test "
            "entry of v2-blue is gone from the route",
            "`verdigris redeploy B2` tests v2-blue anew for a promote, as the route is no longer the one "
            "that it was tested with",
            id="by the steady form",
        ),
        pytest.param(
            look(test_route=None),
            (BLUE, GREEN),
            "back to v1-green (green)",
            "Users get v1-green (green) now",
            "was tested with. To move users to it at once, without tests: `kubectl patch`",
            id="without the test entry",
        ),
        pytest.param(
            look(test_route=None, blue=runs(BLUE, available=0)),
            (BLUE, GREEN),
            "back to v1-green (green)",
            "Users get v1-green (green) now",
            "was tested with",
            id="away from what has no pods",
        ),
        pytest.param(
            look(blue=runs(replace(BLUE, id="B9"))),
            (BLUE, GREEN),
            "from v2-blue (blue)",
            "Users get v1-green (green) now",
            "`verdigris redeploy B2` deploys v2-blue again, as it does not run any more",
            id="away from what was replaced",
        ),
        pytest.param(
            look(green=replace(GREEN, id="foreign", tag="")),
            (BLUE,),
            "back to green, where no release runs that may be live",
            "Users get what runs on green now: nothing that Verdigris deployed",
            "`verdigris promote shop --release B2` moves users to v2-blue (blue) again",
            id="to something foreign",
        ),
        pytest.param(
            look(live=None, green=GREEN, subsets=(Color.BLUE,)),
            (BLUE, GREEN),
            "back to v1-green (green)",
            "Users get errors (503): the DestinationRule has no subset green",
            "moves users to v2-blue (blue) again",
            id="to a color without a subset",
        ),
        pytest.param(
            replace(look(subsets=None), green=runs(GREEN, available=0)),
            (BLUE, GREEN),
            "back to v1-green (green)",
            "Users get errors (503): no pod is ready on green",
            "moves users to v2-blue (blue) again",
            id="to a color without pods",
        ),
        pytest.param(
            replace(look(live=None), green=ColorObservation(Color.GREEN, exists=False)),
            (BLUE,),
            "back to green, where no release runs that may be live",
            "Users get errors (503): nothing runs on green",
            "moves users to v2-blue (blue) again",
            id="to a color without a Deployment",
        ),
        pytest.param(
            replace(look(green=READY, live_release=None), blue=ColorObservation(Color.BLUE, exists=False)),
            (READY,),
            "moved every user to v3-green (green)",
            "Users get v3-green (green) now",
            "deploy and promote what users shall get",
            id="from nowhere",
        ),
    ],
)
def test_the_words_fit_what_is_there(
    seen: Observation, releases: tuple[Release, ...], what: str, users: str, way: str
) -> None:
    found = get(seen, *releases)

    assert what in found.what
    assert found.users == users
    assert found.next_step.endswith(way)


def test_it_is_told_until_our_next_switch_with_who_it_was_even_if_we_wrote_since() -> None:
    first = find_interference(look(), (BLUE, GREEN), active=None, known=None)
    followed = replace(BLUE, state=State.ROLLED_BACK), replace(GREEN, state=State.LIVE)
    known = replace(first.interference, times=3) if first.interference else None
    assert known
    assert first.releases == ("B2", "G1")
    assert first.line == f"{known.what}. {known.users}. What to do: {known.next_step}"
    assert first.mark.startswith("moved:B2@")

    # the same look, later; and after a deploy of ours wrote the test entry
    minute = replace(look(route_writer=OURS), at=NOW + timedelta(minutes=1))
    later = find_interference(minute, followed, active=None, known=known)
    assert (later.interference, later.moves, later.line, later.releases) == (known, (), "", ())

    # what was not known (Redis was emptied) is found again from the route's own note
    assert told(look(), *followed) == replace(known, times=1)

    # after our next switch, or when it was moved back, nothing is told
    back = look(Color.BLUE, switch=replace(PROMOTED, at=NOW))
    assert told(back, BLUE, GREEN, known=known) is None
    restored = find_interference(look(Color.BLUE), followed, active=None, known=known)
    assert restored.interference is None
    assert {move.release_id: move.target for move in restored.moves} == {
        "B2": State.LIVE,
        "G1": State.STANDBY,
    }
    assert restored.line.endswith(
        "moved every user from v1-green (green) to v2-blue (blue), where Verdigris had them"
    )
    assert restored.mark == restored.line
    assert restored.releases == ("G1", "B2")


def test_where_our_note_was_wiped_off_it_is_told_as_long_as_it_is_known() -> None:
    wiped = look(live_release=None, switch=None)
    known = get(wiped, BLUE, GREEN)
    followed = replace(BLUE, state=State.ROLLED_BACK), replace(GREEN, state=State.LIVE)

    assert told(wiped, *followed, known=known) == known
    assert told(wiped, *followed, known=replace(known, mark="other")) is None
    assert told(wiped, *followed) is None
    # on the color that we had chosen, though by another release: no move
    assert told(replace(look(Color.BLUE), blue=runs(replace(BLUE, id="B9"))), BLUE, GREEN) is None


def test_while_a_switch_runs_all_is_left_as_it_was_and_while_a_deploy_runs_what_it_may_have_done() -> None:
    moved, lost = get(look(), BLUE, GREEN), Interference("test-entry-gone:G3", "w", "u", "n", NOW)
    here = look(Color.BLUE, test_route=None, green=READY)

    assert told(here, BLUE, READY, active=job(JobKind.PROMOTE), known=moved) == moved
    assert told(here, BLUE, READY, active=job(JobKind.DEPLOY), known=lost) == lost
    assert told(here, BLUE, READY, active=job(JobKind.DEPLOY), known=moved) is None
    assert told(here, BLUE, READY, active=job(JobKind.DEPLOY)) is None


def test_what_is_gone_is_told_unless_we_took_it_out() -> None:
    without_test = look(Color.BLUE, test_route=None, green=READY)
    found = get(without_test, BLUE, READY)
    assert found.what.endswith("took the test entry of v3-green (green) out of the route")
    assert "`verdigris redeploy G3`" in found.next_step

    # by us it was no interference; but our write since then does not end what is known
    by_us = replace(without_test, route_writer=OURS)
    assert told(by_us, BLUE, READY) is None
    assert told(by_us, BLUE, READY, known=found) == found

    # of several, the first that is somebody else's
    both = replace(without_test, subsets=(Color.BLUE,), subsets_writer=ARGO)
    assert "took the subset green out" in get(both, BLUE, READY).what
    assert get(replace(both, subsets_writer=OURS), BLUE, READY) == found
    assert told(look(Color.BLUE), BLUE, GREEN) is None


def change(minutes: float, *, kind: str = "cluster", source: State = State.LIVE) -> Change:
    return Change(
        "B2", "shop", source, State.ROLLED_BACK, Actor(kind, "x"), "", NOW - timedelta(minutes=minutes)
    )


def test_moves_by_others_within_an_hour_are_counted() -> None:
    others = [change(1, kind="token"), change(1, source=State.STANDBY), change(61)]
    assert count_moves([change(1), change(59), *others], now=NOW) == 2
    assert count_moves([], now=NOW) == 0
