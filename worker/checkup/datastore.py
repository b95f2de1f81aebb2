"""Redis: is it there, does it keep what it is given, may we do what the queue needs; who works through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from release.redis_facts import RedisAway, Trouble, place_of, read_facts
from worker.checkup.lines import failed, ok, unseen, warning
from worker.checkup.running import REQUEST_SECONDS
from worker.checkup.workers import look_at_workers, tell_unasked

if TYPE_CHECKING:
    from release.redis_facts import Facts
    from worker.checkup.clocks import Clocks
    from worker.checkup.lines import Line

OLDEST: Final = (6, 2)

REMEDIES: Final = {
    Trouble.ADDRESS: "correct VERDIGRIS_REDIS_URL: redis://USER:PASSWORD@HOST:6379/0, rediss:// for TLS; in "
    "the password write / as %2F, @ as %40",
    Trouble.NAME: "correct the host in VERDIGRIS_REDIS_URL, or ask where it is known: in a worker's pod",
    Trouble.REFUSED: "start Redis (`redis-server --appendonly yes --appendfsync always --maxmemory-policy "
    "noeviction`), or correct VERDIGRIS_REDIS_URL",
    Trouble.SILENT: "correct VERDIGRIS_REDIS_URL, or let this machine through (firewall, NetworkPolicy); "
    "rediss:// is right only where Redis speaks TLS",
    Trouble.CREDENTIALS: "correct user and password in VERDIGRIS_REDIS_URL: redis://USER:PASSWORD@HOST:6379/0",
    Trouble.TLS: "use rediss:// in VERDIGRIS_REDIS_URL only where Redis speaks TLS, and append "
    "?ssl_ca_certs=FILE where its certificate comes from a CA of your own",
    Trouble.LOADING: "wait until Redis has read its file, then ask again",
    Trouble.OTHER: "see that VERDIGRIS_REDIS_URL names a Redis, with rediss:// where it speaks TLS",
}


def look_at_redis(url: str, clocks: Clocks) -> list[Line]:
    """Redis itself, then the workers, who are asked through it."""
    about = f"redis {place_of(url)}"
    try:
        facts = read_facts(url, timeout=REQUEST_SECONDS)
    except RedisAway as away:
        return [failed(about, str(away), fix=REMEDIES[away.trouble]), *tell_unasked("Redis is away")]
    if facts.ahead is not None:
        clocks.add("Redis", facts.ahead)
    return [*judge(facts, about=about, cli=command_line(url)), *look_at_workers(url)]


def command_line(url: str) -> str:
    """How to reach the same server by hand; its password belongs in ``REDISCLI_AUTH``."""
    parts = urlsplit(url)
    tls = " --tls" if parts.scheme == "rediss" else ""
    return f"redis-cli -h {parts.hostname or '127.0.0.1'} -p {parts.port or 6379}{tls}"


def judge(facts: Facts, *, about: str, cli: str) -> list[Line]:
    """What the facts mean. Pure."""
    return [
        _judge_version(facts, about),
        *_judge_role(facts),
        _judge_file(facts, cli),
        *_judge_sync(facts, cli),
        _judge_eviction(facts, cli),
        _judge_writing(facts),
        _judge_scripts(facts),
    ]


def _judge_version(facts: Facts, about: str) -> Line:
    if not facts.version:
        fix = f"allow INFO to the account, or see yourself that it is Redis {OLDEST[0]}.{OLDEST[1]} or newer"
        return unseen(about, "it answers, but does not say its version", fix=fix)
    numbers = tuple(int(part) for part in facts.version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        fix = f"install Redis {OLDEST[0]}.{OLDEST[1]} or newer, or Valkey"
        return failed(about, f"{facts.product} is too old", fix=fix)
    if facts.mode == "cluster":
        fix = "use a Redis without cluster mode: the queue's keys have to be on one server"
        return failed(about, f"{facts.product} in cluster mode", fix=fix)
    return ok(about, facts.product)


def _judge_role(facts: Facts) -> list[Line]:
    if not facts.master:
        return []
    fix = f"name the master in VERDIGRIS_REDIS_URL: {facts.master}"
    return [failed("redis role", f"it is a replica of {facts.master}", fix=fix)]


def _judge_file(facts: Facts, cli: str) -> Line:
    about, found = "redis append-only file", facts.settings.get("appendonly")
    if found is None:
        return _unread(about, facts, "appendonly yes")
    if found == "yes":
        return ok(about, "on")
    fix = f"`{cli} CONFIG SET appendonly yes`, and `appendonly yes` in redis.conf"
    return failed(about, "off: a restart of Redis loses accepted releases", fix=fix)


def _judge_sync(facts: Facts, cli: str) -> list[Line]:
    """How soon the file is on the disk; of no meaning without the file."""
    about, found = "redis appendfsync", facts.settings.get("appendfsync")
    if facts.settings.get("appendonly") == "no":
        return []
    if found is None:
        return [_unread(about, facts, "appendfsync always")]
    if found == "always":
        return [ok(about, found)]
    fix = f"`{cli} CONFIG SET appendfsync always`, and `appendfsync always` in redis.conf"
    if found == "everysec":
        lost = "up to a second of accepted releases can be lost at a power cut"
        return [warning(about, f"{found}: {lost}", fix=fix)]
    return [failed(about, f"{found}: half a minute of accepted releases can be lost at a power cut", fix=fix)]


def _judge_eviction(facts: Facts, cli: str) -> Line:
    about, found = "redis maxmemory-policy", facts.settings.get("maxmemory-policy")
    if found is None:
        return _unread(about, facts, "maxmemory-policy noeviction")
    if found == "noeviction":
        return ok(about, found)
    fix = f"`{cli} CONFIG SET maxmemory-policy noeviction`, and the same in redis.conf"
    return failed(about, f"{found}: when memory runs out, releases and jobs are thrown away", fix=fix)


def _unread(about: str, facts: Facts, wanted: str) -> Line:
    fix = f"see in the provider's console that it says `{wanted}`, or allow `CONFIG GET` to the account"
    return unseen(about, facts.unread, fix=fix)


def _judge_writing(facts: Facts) -> Line:
    about, refusal = "redis writes", facts.write_refusal
    if not refusal:
        return ok(about, "a key was written and removed")
    return failed(about, f"refused: {refusal}", fix=_remedy_for(refusal))


def _remedy_for(refusal: str) -> str:
    lowered = refusal.lower()
    if "no permissions" in lowered or "noperm" in lowered:
        return "`redis-cli ACL SETUSER NAME allkeys allchannels +@all`, with the name in VERDIGRIS_REDIS_URL"
    if "read only" in lowered or "readonly" in lowered:
        return "name the master in VERDIGRIS_REDIS_URL; this one is a replica"
    if "oom" in lowered or "maxmemory" in lowered:
        return "give Redis more memory: `redis-cli CONFIG SET maxmemory SIZE`, and the same in redis.conf"
    if "misconf" in lowered or "disk" in lowered:
        return "make room on Redis' disk and look at its log"
    if "noreplicas" in lowered or "replicas" in lowered:
        return "bring its replicas back, or lower `min-replicas-to-write`"
    return "look at the log of Redis"


def _judge_scripts(facts: Facts) -> Line:
    about = "redis scripts"
    if not facts.script_refusal:
        return ok(about, "allowed")
    fix = "allow EVAL, EVALSHA and SCRIPT LOAD: `redis-cli ACL SETUSER NAME +@scripting`, or another provider"
    return failed(about, f"refused: {facts.script_refusal}", fix=fix)
