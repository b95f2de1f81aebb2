"""Signed tags with real Git, ssh-keygen and gpg: what counts, and each way in which one does not."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release.origins import TagSignatures
from release.problems import Problem
from source.checkout import Repositories
from source.tag_signatures import Demand
from tests.integration.signing import IN_2020, MADE_AT, GpgHome, Origin, SshKey, payload, run
from worker.checkup.lines import Grade
from worker.checkup.signatures import look_at_signatures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release.problems import ProblemDocument
    from source.signature_answers import Signature

TAG = "v1-blue"


@dataclass(frozen=True)
class People:
    """``anna`` may sign; ``mallory`` may not. By their keys of both kinds."""

    anna: SshKey
    mallory: SshKey
    gpg: GpgHome


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("people")
    # the agent's socket needs a short path
    home = GpgHome(Path(tempfile.mkdtemp(prefix="gpg-")))
    for name in ("anna", "mallory", "ruth"):
        home.make(name)
    home.make("eva", at=IN_2020, expires="1d")
    yield People(SshKey.make(folder, "anna"), SshKey.make(folder, "mallory"), home)
    home.close()
    shutil.rmtree(home.path)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@dataclass
class Desk:
    """Where a tag is checked: the files of keys, and a worker's cache."""

    origin: Origin
    folder: Path
    repositories: Repositories

    def ssh(self, *lines: str) -> TagSignatures:
        """Allowed signers."""
        file = self.folder / "allowed_signers"
        file.write_text("\n".join(lines) + "\n")
        return TagSignatures(ssh=file)

    def check(self, keys: TagSignatures, *, tag: str = TAG, is_past: bool = False) -> Signature:
        demand = Demand(str(self.origin.path), tag, self.origin.commit, keys)
        return self.repositories.check_signature(demand, is_past=is_past)

    def refusal(self, keys: TagSignatures, *, tag: str = TAG, is_past: bool = False) -> ProblemDocument:
        """Why it is refused."""
        with pytest.raises(Problem) as caught:
            self.check(keys, tag=tag, is_past=is_past)
        return caught.value.document


@pytest.fixture
def desk(origin: Origin, tmp_path: Path) -> Desk:
    return Desk(origin, tmp_path, Repositories(tmp_path / "cache"))


@pytest.fixture
def gpg_keys(people: People, tmp_path: Path) -> TagSignatures:
    return TagSignatures(gpg=people.gpg.export(tmp_path / "keys.asc", "anna"))


def test_a_tag_signed_with_an_allowed_ssh_key_counts(desk: Desk, people: People) -> None:
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.commit)))

    found = desk.check(desk.ssh("# who may", "", f"anna@example.com {people.anna.public} her laptop"))

    assert str(found) == f"anna@example.com, SSH key {people.anna.fingerprint}"


def test_a_tag_that_git_itself_signed_counts(desk: Desk, people: People, gpg_keys: TagSignatures) -> None:
    # given tags made with the commands of the documentation
    ssh = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={people.anna.file}.pub"]
    desk.origin.git(*ssh, "tag", "-s", "-m", "with ssh", "v1-blue", desk.origin.commit)
    gpg = ["-c", f"user.signingKey={people.gpg.fingerprints['anna']}"]
    environment = f"GNUPGHOME={people.gpg.path}"
    program = desk.folder / "gpg"
    program.write_text(f'#!/bin/sh\n{environment} exec gpg --pinentry-mode loopback --passphrase "" "$@"\n')
    program.chmod(0o755)
    wrapped = ["-c", f"gpg.program={program}"]
    desk.origin.git(*gpg, *wrapped, "tag", "-s", "-m", "with gpg", "v1-green", desk.origin.commit)

    # when one app allows keys of both kinds
    keys = TagSignatures(ssh=desk.ssh(f"anna {people.anna.public}").ssh, gpg=gpg_keys.gpg)

    # then each counts by its own kind
    assert desk.check(keys, tag="v1-blue").form == "SSH"
    signed = desk.check(keys, tag="v1-green")
    assert str(signed) == f"anna <anna@example.com>, OpenPGP key {people.gpg.fingerprints['anna']}"


def test_a_signature_by_a_subkey_is_told_with_its_primary_key(desk: Desk, people: People) -> None:
    ruth = people.gpg.fingerprints["ruth"]
    people.gpg.gpg("--quick-add-key", ruth, "ed25519", "sign", "never", at="20230201T000000")
    signed = people.gpg.sign("ruth", payload(TAG, desk.origin.commit), "--digest-algo", "SHA512")
    desk.origin.put(TAG, signed)

    found = desk.check(TagSignatures(gpg=people.gpg.export(desk.folder / "ruth.asc", "ruth")))

    assert found.fingerprint == ruth


@pytest.mark.parametrize(
    "line",
    [
        'anna@example.com namespaces="git" {}',
        '"anna@example.com,ruth@example.com" {}',
        "*@example.com {}",
        "* {}",
        'anna valid-after="20230101",valid-before="20240101" {}',
        'anna valid-after="20230101000000Z",namespaces="git,file" {}',
    ],
)
def test_allowed_signers_are_understood_as_ssh_keygen_does(desk: Desk, people: People, line: str) -> None:
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.commit)))

    assert desk.check(desk.ssh(line.format(people.anna.public))).fingerprint == people.anna.fingerprint


def test_a_key_of_a_certificate_authority_counts(desk: Desk, people: People) -> None:
    # given a key with a certificate for anna, by an authority
    authority, key = (SshKey.make(desk.folder, name) for name in ("authority", "leaf"))
    certify(authority, key, "anna@example.com")
    certificate = SshKey(Path(f"{key.file}-cert.pub"))
    desk.origin.put(TAG, certificate.sign(payload(TAG, desk.origin.commit)))

    # when the authority is allowed for addresses like hers, or for others
    found = desk.check(desk.ssh(f"*@example.com cert-authority {authority.public}"))
    refused = desk.refusal(desk.ssh(f"*@elsewhere.example cert-authority {authority.public}"))

    # then it is who the certificate says
    assert found.signer in {"anna@example.com", "*@example.com"}
    assert refused.slug == "tag-signature-refused"
    assert people.anna.fingerprint not in refused.detail


def certify(authority: SshKey, key: SshKey, principal: str) -> None:
    run("ssh-keygen", "-q", "-s", str(authority.file), "-I", "id", "-n", principal, f"{key.file}.pub")


def test_the_file_of_keys_is_read_at_each_check(desk: Desk, people: People) -> None:
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.commit)))
    assert desk.refusal(desk.ssh(f"mallory {people.mallory.public}")).slug == "tag-signature-refused"

    assert desk.check(desk.ssh(f"anna {people.anna.public}")).signer == "anna"


# What does not count


def test_a_lightweight_tag_is_refused_with_what_to_do(desk: Desk, gpg_keys: TagSignatures) -> None:
    desk.origin.git("tag", TAG, desk.origin.commit)

    refused = desk.refusal(gpg_keys)

    assert refused.slug == "tag-not-signed"
    assert "lightweight" in refused.detail
    assert str(gpg_keys.gpg) in refused.detail
    assert f"git tag -s -f {TAG} {desk.origin.commit}" in refused.next_step


def test_an_annotated_tag_without_a_signature_is_refused(desk: Desk, gpg_keys: TagSignatures) -> None:
    desk.origin.put(TAG, payload(TAG, desk.origin.commit))

    refused = desk.refusal(gpg_keys)

    assert refused.slug == "tag-not-signed"
    assert "annotated, and not signed" in refused.detail


def by_ssh(people: People, text: str) -> str:
    return people.anna.sign(text)


def by_gpg(people: People, text: str) -> str:
    return people.gpg.sign("anna", text)


both = pytest.mark.parametrize("sign", [by_ssh, by_gpg])


@pytest.fixture
def both_keys(desk: Desk, people: People, gpg_keys: TagSignatures) -> TagSignatures:
    return TagSignatures(ssh=desk.ssh(f"anna {people.anna.public}").ssh, gpg=gpg_keys.gpg)


@both
def test_a_tag_object_under_another_name_is_refused(
    desk: Desk, people: People, both_keys: TagSignatures, sign: Callable[[People, str], str]
) -> None:
    # given a good tag that anybody who can push puts under a newer name as well
    desk.origin.put("v1-blue", sign(people, payload("v1-blue", desk.origin.commit)))
    desk.origin.git("update-ref", "refs/tags/v9-blue", "refs/tags/v1-blue")
    assert desk.check(both_keys, tag="v1-blue")

    refused = desk.refusal(both_keys, tag="v9-blue")

    assert refused.slug == "tag-signature-refused"
    assert "'v1-blue'" in refused.detail


@both
@pytest.mark.parametrize("change", ["message", "tagger", "header", "end"])
def test_a_tag_that_was_changed_after_signing_is_refused(
    desk: Desk, people: People, both_keys: TagSignatures, sign: Callable[[People, str], str], change: str
) -> None:
    text = sign(people, payload(TAG, desk.origin.commit, message="a note\n\nMigration: expand\n"))
    changed = {
        "message": text.replace("Migration: expand", "Migration: none"),
        "tagger": text.replace(str(MADE_AT), str(MADE_AT - 1)),
        "header": text.replace("\n\n", "\nencoding latin1\n\n", 1),
        "end": text.replace("-----BEGIN", "and more\n-----BEGIN", 1),
    }
    desk.origin.put(TAG, changed[change])

    refused = desk.refusal(both_keys)

    assert refused.slug == "tag-signature-refused"
    assert "anna" not in refused.detail.partition("; allowed are")[0]


@both
def test_a_signature_of_another_commit_is_refused(
    desk: Desk, people: People, both_keys: TagSignatures, sign: Callable[[People, str], str]
) -> None:
    text = sign(people, payload(TAG, desk.origin.other))
    desk.origin.put(TAG, text.replace(desk.origin.other, desk.origin.commit))

    assert desk.refusal(both_keys).slug == "tag-signature-refused"


@both
def test_a_signed_tag_of_a_tag_is_refused(
    desk: Desk, people: People, both_keys: TagSignatures, sign: Callable[[People, str], str]
) -> None:
    # given an inner tag that says something else, and an outer one that is signed
    inner = desk.origin.put("inner", payload(TAG, desk.origin.commit))
    text = payload(TAG, inner).replace("type commit", "type tag")
    desk.origin.put(TAG, sign(people, text))

    refused = desk.refusal(both_keys)

    assert refused.slug == "tag-signature-refused"
    assert desk.origin.commit in refused.detail


@pytest.mark.parametrize("more", ["tag v9-blue\n", "encoding latin1\n"])
def test_a_head_with_more_than_git_writes_is_refused_although_it_is_signed(
    desk: Desk, people: People, more: str
) -> None:
    # given a line that another reader may take for the tag's name, or read the message by
    plain = payload(TAG, desk.origin.commit)
    before, behind = plain.replace("tagger", f"{more}tagger"), plain.replace("\n\n", f"\n{more}\n", 1)
    for text in (before, behind):
        desk.origin.put(TAG, people.anna.sign(text))

        assert desk.refusal(desk.ssh(f"anna {people.anna.public}")).slug == "tag-signature-refused"


def test_an_unknown_ssh_key_is_told_beside_the_allowed_ones(desk: Desk, people: People) -> None:
    desk.origin.put(TAG, people.mallory.sign(payload(TAG, desk.origin.commit)))

    refused = desk.refusal(desk.ssh(f"anna {people.anna.public}"))

    assert refused.slug == "tag-signature-refused"
    found, _, allowed = refused.detail.partition("; allowed are")
    assert people.mallory.fingerprint in found
    assert f"anna {people.anna.fingerprint}" in allowed


def test_an_unknown_openpgp_key_is_told_beside_the_allowed_ones(
    desk: Desk, people: People, gpg_keys: TagSignatures
) -> None:
    desk.origin.put(TAG, people.gpg.sign("mallory", payload(TAG, desk.origin.commit)))

    refused = desk.refusal(gpg_keys)

    assert refused.slug == "tag-signature-refused"
    found, _, allowed = refused.detail.partition("; allowed are")
    assert people.gpg.fingerprints["mallory"][-16:] in found
    assert people.gpg.fingerprints["anna"] in allowed


def test_keys_of_the_users_own_keyring_do_not_count(
    desk: Desk, people: People, gpg_keys: TagSignatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a worker in whose environment Git would find mallory's key
    monkeypatch.setenv("GNUPGHOME", str(people.gpg.path))
    desk.origin.put(TAG, people.gpg.sign("mallory", payload(TAG, desk.origin.commit)))

    assert desk.refusal(gpg_keys).slug == "tag-signature-refused"


def test_settings_of_the_cache_and_of_the_environment_do_not_count(
    desk: Desk, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a cache, and an environment, that name a program that calls everything good
    keys = desk.ssh(f"anna {people.anna.public}")
    desk.origin.put(TAG, people.mallory.sign(payload(TAG, desk.origin.commit)))
    desk.refusal(keys)
    liar, others = desk.folder / "liar", desk.folder / "others"
    liar.write_text(
        "#!/bin/sh\ncase $* in *find-principals*) echo anna;; "
        '*) echo "Good \\"git\\" signature for anna with ED25519 key SHA256:x";; esac\n'
    )
    liar.chmod(0o755)
    others.write_text(f"mallory {people.mallory.public}\n")
    (cache,) = (desk.folder / "cache").glob("*.git")
    settings = {"gpg.ssh.program": str(liar), "gpg.ssh.allowedSignersFile": str(others)}
    for number, (name, value) in enumerate(settings.items()):
        desk.origin.git("--git-dir", str(cache), "config", name, value)
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(settings)))

    assert people.mallory.fingerprint in desk.refusal(keys).detail


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ('valid-before="20230101"', "key has expired"),
        ('valid-after="20240101"', "key is not yet valid"),
        ('namespaces="file"', "other namespaces"),
    ],
)
def test_an_ssh_key_that_is_allowed_for_else_is_told_so(
    desk: Desk, people: People, options: str, words: str
) -> None:
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.commit)))

    refused = desk.refusal(desk.ssh(f"anna {options} {people.anna.public}"))

    assert refused.slug == "tag-signature-refused"
    assert words in refused.detail


def test_a_signature_for_another_use_than_git_is_refused(desk: Desk, people: People) -> None:
    # given a signature that anna made for a file
    text = people.anna.sign(payload(TAG, desk.origin.commit), namespace="file")
    desk.origin.put(TAG, text)

    refused = desk.refusal(desk.ssh(f"anna {people.anna.public}"))

    assert refused.slug == "tag-signature-refused"


def test_an_openpgp_key_that_has_expired_is_refused(desk: Desk, people: People) -> None:
    desk.origin.put(TAG, people.gpg.sign("eva", payload(TAG, desk.origin.commit), at="20200101T010000"))

    refused = desk.refusal(TagSignatures(gpg=people.gpg.export(desk.folder / "eva.asc", "eva")))

    assert refused.slug == "tag-signature-refused"
    assert "signed by eva <eva@example.com>" in refused.detail
    assert "has expired" in refused.detail
    assert "(expired)" in refused.detail


def test_an_openpgp_key_that_was_revoked_is_refused(desk: Desk, people: People) -> None:
    people.gpg.make("rita")
    desk.origin.put(TAG, people.gpg.sign("rita", payload(TAG, desk.origin.commit)))
    keys = TagSignatures(gpg=people.gpg.export(desk.folder / "rita.asc", "rita"))
    assert desk.check(keys).signer == "rita <rita@example.com>"

    people.gpg.revoke("rita")
    people.gpg.export(desk.folder / "rita.asc", "rita")

    refused = desk.refusal(keys)
    assert refused.slug == "tag-signature-refused"
    assert "is revoked" in refused.detail


def test_an_openpgp_signature_that_has_expired_is_refused(
    desk: Desk, people: People, gpg_keys: TagSignatures
) -> None:
    text = people.gpg.sign("anna", payload(TAG, desk.origin.commit), "--default-sig-expire", "1d")
    desk.origin.put(TAG, text)

    refused = desk.refusal(gpg_keys)

    assert refused.slug == "tag-signature-refused"
    assert "the signature has expired" in refused.detail


def test_a_signature_with_a_weak_hash_is_refused(desk: Desk, people: People, gpg_keys: TagSignatures) -> None:
    text = people.gpg.sign("anna", payload(TAG, desk.origin.commit), "--digest-algo", "SHA1")
    desk.origin.put(TAG, text)

    refused = desk.refusal(gpg_keys)

    assert refused.slug == "tag-signature-refused"
    assert "SHA-1" in refused.detail


def test_a_good_signature_beside_another_ones_is_refused(
    desk: Desk, people: People, gpg_keys: TagSignatures
) -> None:
    # given the text signed twice in one block
    fingerprints = people.gpg.fingerprints
    text = payload(TAG, desk.origin.commit)
    both = [part for name in ("anna", "mallory") for part in ("--local-user", fingerprints[name])]
    desk.origin.put(TAG, text + people.gpg.gpg(*both, "--armor", "--detach-sign", given=text))

    assert desk.refusal(gpg_keys).slug == "tag-signature-refused"


@pytest.mark.parametrize("form", ["SSH", "OpenPGP"])
def test_a_kind_of_key_that_is_not_allowed_is_refused(
    desk: Desk, people: People, gpg_keys: TagSignatures, form: str
) -> None:
    text = payload(TAG, desk.origin.commit)
    desk.origin.put(TAG, by_ssh(people, text) if form == "SSH" else by_gpg(people, text))
    keys = gpg_keys if form == "SSH" else desk.ssh(f"anna {people.anna.public}")

    refused = desk.refusal(keys)

    assert refused.slug == "tag-signature-refused"
    assert f"signed with {form}" in refused.detail


def test_x509_and_nonsense_are_refused(desk: Desk, both_keys: TagSignatures) -> None:
    text = payload(TAG, desk.origin.commit)
    armors = ("SIGNED MESSAGE", "PGP SIGNATURE", "SSH SIGNATURE")
    for armor in armors:
        desk.origin.put(TAG, f"{text}-----BEGIN {armor}-----\nnonsense\n-----END {armor}-----\n")
        assert desk.refusal(both_keys).slug == "tag-signature-refused"


def test_a_tag_object_of_megabytes_is_refused_unread(desk: Desk, gpg_keys: TagSignatures) -> None:
    desk.origin.put(TAG, payload(TAG, desk.origin.commit, message="x" * 2_000_000))

    refused = desk.refusal(gpg_keys)

    assert refused.slug == "tag-signature-refused"
    assert "bytes" in refused.detail


def test_a_tag_that_was_moved_is_told_as_that(desk: Desk, people: People) -> None:
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.other)))

    refused = desk.refusal(desk.ssh(f"anna {people.anna.public}"))

    assert refused.slug == "tag-moved"
    assert desk.origin.other in refused.detail


# What keeps us from looking


@pytest.mark.parametrize(
    "line",
    [
        "anna@example.com",
        "ssh-ed25519 {key}",
        "anna ssh-ed25519 AAAAnonsense",
        "anna ssh-rsa {key}",
        'anna namespace="git" ssh-ed25519 {key}',
        'anna valid-before="tomorrow" ssh-ed25519 {key}',
        "anna ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=",
    ],
)
def test_a_line_that_is_no_allowed_signer_is_told_by_its_number(
    desk: Desk, people: People, line: str
) -> None:
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.commit)))
    good = f"anna {people.anna.public}"

    refused = desk.refusal(desk.ssh(good, line.format(key=people.anna.public.split()[1])))

    assert refused.slug == "signature-check-impossible"
    assert "allowed_signers:2" in refused.detail


def test_files_of_keys_that_are_none_are_told_by_their_path(desk: Desk, people: People) -> None:
    desk.origin.put(TAG, people.gpg.sign("anna", payload(TAG, desk.origin.commit)))
    secret = desk.folder / "secret.asc"
    fingerprint = people.gpg.fingerprints["anna"]
    secret.write_text(people.gpg.gpg("--armor", "--export-secret-keys", fingerprint))
    nonsense = desk.folder / "nonsense.asc"
    nonsense.write_text("no key\n")

    for file, words in (
        (desk.folder / "missing.asc", "No such file"),
        (nonsense, "no file of OpenPGP public keys"),
        (secret, "holds a secret key"),
    ):
        refused = desk.refusal(TagSignatures(gpg=file))
        assert refused.slug == "signature-check-impossible"
        assert str(file) in refused.detail
        assert words in refused.detail


def test_a_file_of_signers_without_a_key_is_told(desk: Desk, people: People) -> None:
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.commit)))

    refused = desk.refusal(desk.ssh("# nobody yet"))

    assert refused.slug == "signature-check-impossible"
    assert "holds no key" in refused.detail


def test_a_program_that_is_not_installed_is_told_with_its_package(
    desk: Desk, people: People, both_keys: TagSignatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a machine with Git alone
    only = desk.folder / "bin"
    only.mkdir()
    (only / "git").symlink_to(shutil.which("git") or "")
    for number, (sign, package) in enumerate(((by_ssh, "openssh-client"), (by_gpg, "gnupg"))):
        tag = f"v{number}-blue"
        desk.origin.put(tag, sign(people, payload(tag, desk.origin.commit)))
        with monkeypatch.context() as patched:
            patched.setenv("PATH", str(only))
            refused = desk.refusal(both_keys, tag=tag)
        assert refused.slug == "signature-check-impossible"
        assert package in refused.detail


def test_the_doctor_tells_keys_that_no_longer_count(desk: Desk, people: People) -> None:
    some = TagSignatures(gpg=people.gpg.export(desk.folder / "some.asc", "anna", "eva"))
    none = TagSignatures(gpg=people.gpg.export(desk.folder / "none.asc", "eva"))
    good = TagSignatures(gpg=people.gpg.export(desk.folder / "good.asc", "anna"))

    lines = [look_at_signatures("shop", keys)[0] for keys in (some, none, good)]

    assert [line.grade for line in lines] == [Grade.WARNING, Grade.FAILED, Grade.OK]
    eva = f"eva <eva@example.com> {people.gpg.fingerprints['eva']} (expired)"
    assert f"of 2 keys these no longer count: {eva}" in lines[0].found
    assert people.gpg.fingerprints["anna"] in lines[2].found


# A commit that was released before


def test_a_redeploy_checks_the_tag_as_it_is_now(desk: Desk, people: People) -> None:
    keys = desk.ssh(f"anna {people.anna.public}")
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.commit)))
    desk.check(keys)

    # when somebody puts an unsigned tag of the same commit in its place
    desk.origin.put(TAG, payload(TAG, desk.origin.commit))

    assert desk.refusal(keys, is_past=True).slug == "tag-not-signed"


@pytest.mark.parametrize("what", ["gone", "moved", "away"])
def test_a_redeploy_without_its_tag_checks_the_one_that_was_kept(
    desk: Desk, people: People, what: str
) -> None:
    # given a release whose tag was found good
    keys = desk.ssh(f"anna {people.anna.public}")
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.commit)))
    desk.check(keys)

    # when the remote has it no more
    if what == "gone":
        desk.origin.git("update-ref", "-d", f"refs/tags/{TAG}")
    elif what == "moved":
        desk.origin.put(TAG, people.mallory.sign(payload(TAG, desk.origin.other)))
    else:
        desk.origin.path.rename(desk.folder / "elsewhere")

    # then the signature still is the proof, by the keys that are allowed today
    assert desk.check(keys, is_past=True).signer == "anna"
    assert desk.refusal(desk.ssh(f"mallory {people.mallory.public}"), is_past=True).slug == (
        "tag-signature-refused"
    )


def test_a_redeploy_on_a_worker_that_kept_nothing_says_what_is_missing(desk: Desk, people: People) -> None:
    keys = desk.ssh(f"anna {people.anna.public}")

    refused = desk.refusal(keys, is_past=True)

    assert refused.slug == "signature-check-impossible"
    assert "it is not there" in refused.detail
    assert f"git push -f origin {TAG}" in refused.next_step


def test_a_cache_that_a_killed_git_left_broken_is_replaced(desk: Desk, people: People) -> None:
    keys = desk.ssh(f"anna {people.anna.public}")
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.commit)))
    desk.check(keys)
    (cache,) = (desk.folder / "cache").glob("*.git")
    (cache / "refs" / "verdigris-tags" / f"{TAG}.lock").touch()
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.commit, message="again\n")))

    assert desk.check(keys).signer == "anna"


def test_a_tag_that_can_not_be_kept_is_told_as_the_caches_trouble(desk: Desk, people: People) -> None:
    keys = desk.ssh(f"anna {people.anna.public}")
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.commit)))
    desk.check(keys)
    (cache,) = (desk.folder / "cache").glob("*.git")
    (cache / "refs" / "verdigris-signed" / desk.origin.commit / f"{TAG}.lock").touch()
    desk.origin.put(TAG, people.anna.sign(payload(TAG, desk.origin.commit, message="again\n")))

    refused = desk.refusal(keys)

    assert refused.slug == "repository-unreachable"
    assert f"{TAG}.lock" in refused.detail


def test_a_trailer_is_read_from_a_rightly_signed_tag_alone(desk: Desk, people: People) -> None:
    keys = desk.ssh(f"anna {people.anna.public}")
    said = payload(TAG, desk.origin.commit, message="a note\n\nMigration: contract\n")
    desk.origin.put(TAG, people.anna.sign(said))

    def read() -> list[str]:
        return desk.repositories.read_trailers(
            str(desk.origin.path), TAG, commit=desk.origin.commit, key="Migration", keys=keys
        )

    assert read() == ["contract"]

    # when the tag is replaced between its check and this reading
    desk.origin.put(TAG, said.replace("contract", "none"))
    with pytest.raises(Problem) as caught:
        read()
    assert caught.value.document.slug == "tag-not-signed"
