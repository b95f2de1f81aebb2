"""What goes wrong, in one wording everywhere."""

from __future__ import annotations

from release.problems import NotDurable, Problem, ProblemDocument


def test_a_problem_carries_its_document_and_reads_as_a_sentence() -> None:
    problem = Problem("nothing-ready", "Nothing is ready", detail="shop has none", next_step="push a tag")

    assert problem.document == ProblemDocument(
        "nothing-ready", "Nothing is ready", "shop has none", "push a tag", 409
    )
    assert str(problem) == "Nothing is ready: shop has none"


def test_a_problem_is_answered_as_problem_json() -> None:
    problem = Problem("unknown-app", "No such app", detail="no shop", next_step="list them", status=404)

    assert problem.document.as_json() == {
        "type": "https://verdigris.dev/problems/unknown-app",
        "title": "No such app",
        "detail": "no shop",
        "next_step": "list them",
        "status": 404,
    }


def test_what_was_not_made_durable_is_no_refusal() -> None:
    assert not issubclass(NotDurable, Problem)
