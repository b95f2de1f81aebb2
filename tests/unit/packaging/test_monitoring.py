"""The alert rules are read and played by Prometheus' own tool; the component lets it in and nobody else."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.unit.packaging.kustomize import DEPLOY, find_misfits, named, write_kustomization

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = DEPLOY / "monitoring"


@pytest.fixture
def promtool() -> str:
    """A laptop may do without, CI may not."""
    program = shutil.which("promtool")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs promtool: apt-get install prometheus")
        pytest.skip("promtool is not there")
    return program


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_reads_the_alerts(promtool: str) -> None:
    assert "SUCCESS: 13 rules found" in run(promtool, "check", "rules", "alerts.yml")


def test_each_alert_is_raised_when_it_should_be_and_only_then(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "test", "rules", "alerts_test.yml")


def test_the_component_lets_prometheus_reach_the_web_process(tmp_path: Path) -> None:
    objects = write_kustomization(tmp_path, resources=["base"], components=["components/prometheus"])

    assert [found for obj in objects for found in find_misfits(obj)] == []
    (policy,) = [obj for obj in objects if obj["kind"] == "NetworkPolicy" and named(obj) == "prometheus"]
    (rule,) = policy["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": "http"}]
    (source,) = rule["from"]
    assert set(source) == {"namespaceSelector", "podSelector"}
    assert policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "web"
