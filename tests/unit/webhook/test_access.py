from __future__ import annotations

from release.secret import Secret
from webhook.access import Tokens

KEY = Secret("a secret key for signing sessions")
TOKENS = Tokens({"ci": Secret("the token of the pipeline"), "maria": Secret("the token of maria herself")})


def test_a_token_is_known_by_its_owner() -> None:
    assert TOKENS.find_name("the token of maria herself") == "maria"
    assert TOKENS.find_name("the token of maria") is None
    assert TOKENS.find_name("") is None
    assert Tokens({}).find_name("") is None


def test_a_proof_changes_with_the_token_and_the_key_and_tells_neither() -> None:
    proof = TOKENS.find_proof("ci", KEY)
    assert proof is not None
    assert "pipeline" not in proof
    changed = Tokens({"ci": Secret("a new token of the pipeline")})
    assert changed.find_proof("ci", KEY) != proof
    assert TOKENS.find_proof("ci", Secret("another secret key for sessions")) != proof
    assert TOKENS.find_proof("nobody", KEY) is None
