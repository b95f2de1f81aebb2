# ruff: noqa: INP001, T201 -- a script; its output is its report
"""Whether a version that ``constraints.txt`` pins has a known vulnerability: ``make audit``.

pip-audit asks the service; it calls a package fine that the service does not know, and a service that knows
none is not rare (a mirror, a firewall). So one more package is asked for, of which vulnerabilities are known:
only where those are told was anything audited. Where not, one line says so and nothing fails: a machine
without network must be able to ``make check``.

Further arguments go to pip-audit: ``make audit AUDIT="--ignore-vuln ID"``, ``AUDIT="-s osv"``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

CANARY: Final = ("django", "2.2.0")
SECONDS: Final = "10"


def audit(constraints: Path, arguments: list[str]) -> int:
    """0 when nothing is known against the pinned versions, or nothing could be asked; else 1."""
    answered = ask(constraints, arguments)
    told = {one["name"]: one.get("vulns") for one in answered}
    if not told.pop(CANARY[0], None):
        print(
            "NOT AUDITED: no service that knows vulnerabilities could be asked; run `make audit` with network"
        )
        return 0
    bad = [one for one in answered if one["name"] in told and one.get("vulns")]
    unknown = sorted(name for name, vulnerabilities in told.items() if vulnerabilities is None)
    if unknown:
        print(f"not audited, the service does not know them: {', '.join(unknown)}")
    for one in bad:
        for vulnerability in one["vulns"]:
            print(tell(one, vulnerability))
    if not bad:
        print(f"no known vulnerability in {len(told) - len(unknown)} pinned packages")
    return 1 if bad else 0


def ask(constraints: Path, arguments: list[str]) -> list[dict[str, Any]]:
    """What pip-audit found of each package; nothing where it could not ask."""
    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder) / "canary.txt"
        canary.write_text("==".join(CANARY) + "\n", encoding="utf-8")
        command = [
            *(sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off"),
            *("--format=json", "--desc=off", f"--timeout={SECONDS}"),
            *("-r", str(constraints), "-r", str(canary), *arguments),
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- our own words
    try:
        found: list[dict[str, Any]] = json.loads(ended.stdout)["dependencies"]
    except ValueError:
        last = ended.stderr.strip().splitlines()[-1:]
        print(f"pip-audit: {''.join(last)[:200]}")
        return []
    return found


def tell(package: dict[str, Any], vulnerability: dict[str, Any]) -> str:
    """One line: what, and which versions are free of it."""
    names = ", ".join([vulnerability["id"], *vulnerability.get("aliases", [])])
    fixed = ", ".join(vulnerability.get("fix_versions", [])) or "none yet"
    return f"VULNERABLE: {package['name']} {package['version']}: {names}; fixed in: {fixed}"


if __name__ == "__main__":
    sys.exit(audit(Path(sys.argv[1]), sys.argv[2:]))
