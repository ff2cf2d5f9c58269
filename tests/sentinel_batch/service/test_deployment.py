"""What is shipped to run the service: each file is tried by the program that reads it, where that is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from running_service import V1, RunningService, free_port

import sentinel_batch as sb
from sentinel_batch.alerts import count_alerts
from sentinel_batch.config import SETTINGS
from sentinel_batch.service.events import MAX_WAITING

ROOT = Path(__file__).resolve().parents[3]
DEPLOYMENT = ROOT / "docs" / "deployment"
UNITS = sorted((DEPLOYMENT / "systemd").iterdir())
DASHBOARD = json.loads((DEPLOYMENT / "grafana" / "sentinel.json").read_text())

needs_prometheus = pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed")


def _load_rehearsal() -> Any:
    spec = importlib.util.spec_from_file_location("rehearse", DEPLOYMENT / "rehearse.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules["rehearse"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_rehearsal_finds_everything_in_the_dockerfile() -> None:
    rehearsal = _load_rehearsal()
    image = rehearsal.read_image((ROOT / "Dockerfile").read_text())
    assert {field.name for field in fields(image) if not getattr(image, field.name)} == set()
    assert image.install.startswith("sh docs/deployment/install.sh /opt/sentinel /dist/*.whl")
    assert image.command == ["sentinel-batch", "serve", "--host", "0.0.0.0"] and image.user == "10001:10001"
    assert "/healthz" in image.health[-1]
    settings = [name.removeprefix("SENTINEL_").lower() for name in image.environment if name.startswith("SENTINEL_")]
    assert settings and set(settings) <= set(SETTINGS)
    with pytest.raises(SystemExit, match="SHELL"):
        rehearsal.read_image('SHELL ["/bin/bash"]')


def test_the_image_has_all_that_the_wheel_is_made_of() -> None:
    text = (ROOT / "Dockerfile").read_text()
    copied = [word for line in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE) for word in line.split()]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert [name for name in copied if not (ROOT / name).exists() or f"!{name}" not in ignored] == []
    assert [line for line in ignored if line.startswith("!") and line[1:] not in copied] == []
    packages = [path.parent.name for path in ROOT.glob("*/__init__.py") if (path.parent / "py.typed").exists()]
    assert packages and set(packages) <= set(copied)


def test_compose_names_what_is_there() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"service", "nightly", "prometheus", "grafana"}
    for service in services.values():
        assert service["security_opt"] == ["no-new-privileges:true"] and service["cap_drop"] == ["ALL"]
        # Published on this machine only, and without a tag that moves.
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or source == "./inbox" or (ROOT / source).is_file()
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for secret in compose["secrets"].values():
        assert f"/{Path(secret['file']).parts[0]}/" in ignored
    # Longer than both halves of an end in order.
    assert services["service"]["stop_grace_period"] == "75s"


@pytest.mark.parametrize("script", ["install.sh", "nightly-loop.sh"])
def test_scripts_are_shell(script: str) -> None:
    subprocess.run(["sh", "-n", DEPLOYMENT / script], check=True)


def test_the_loop_of_nights(tmp_path: Path) -> None:
    program = tmp_path / "sentinel-batch"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/nights\nexit 3\n')
    program.chmod(0o755)
    soon = time.strftime("%H:%M:%S", time.localtime(time.time() + 2))
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "NIGHT_AT": soon}
    loop = subprocess.Popen(
        ["sh", DEPLOYMENT / "nightly-loop.sh", "--quiet"], env=environment, stderr=subprocess.PIPE, text=True
    )
    assert loop.stderr is not None
    said = [loop.stderr.readline() for _ in range(3)]
    loop.send_signal(signal.SIGTERM)
    assert loop.wait(60) == 0
    assert (tmp_path / "nights").read_text() == "nightly --quiet\n"
    assert "exit code 3" in said[1] and "next night" in said[2]
    wrong = subprocess.run(
        ["sh", DEPLOYMENT / "nightly-loop.sh"], env=environment | {"NIGHT_AT": "late"}, capture_output=True, text=True
    )
    assert wrong.returncode == 2 and "NIGHT_AT=late" in wrong.stderr


def test_a_loop_that_is_told_twice_to_stop_waits_for_its_night(tmp_path: Path) -> None:
    program, ended = tmp_path / "sentinel-batch", tmp_path / "ended"
    program.write_text(
        f"#!/bin/sh\ntrap \"trap '' TERM; sleep 1; : > {ended}; exit 0\" TERM\necho begun >&2\n"
        "while :; do sleep 0.1; done\n"
    )
    program.chmod(0o755)
    soon = time.strftime("%H:%M:%S", time.localtime(time.time() + 2))
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "NIGHT_AT": soon}
    words = ["sh", str(DEPLOYMENT / "nightly-loop.sh")]
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as loop:
        assert loop.stderr is not None
        assert "begun" in [loop.stderr.readline().strip() for _ in range(2)]
        loop.terminate()
        # Two signals that wait together are one.
        time.sleep(0.3)
        loop.terminate()
        assert loop.wait(60) == 0
        assert ended.exists()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=[unit.name for unit in UNITS])
def test_units_are_understood_by_systemd(unit: Path, tmp_path: Path) -> None:
    copies = [tmp_path / other.name for other in UNITS]
    for copy, other in zip(copies, UNITS, strict=True):
        # The program that they start need not be installed here.
        copy.write_text(other.read_text().replace("/opt/sentinel/bin/sentinel-batch", "/bin/true"))
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / unit.name], capture_output=True, text=True, check=False
    )
    assert [line for line in said.stderr.splitlines() if unit.name in line] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("name", ["sentinel-batch", "sentinel-nightly"])
def test_units_are_hardened(name: str) -> None:
    unit = DEPLOYMENT / "systemd" / f"{name}.service"
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found is not None and float(found[1]) <= 2.0


@needs_prometheus
def test_rules_and_their_tests() -> None:
    for command in (
        ["promtool", "check", "rules", "alerts.yml"],
        ["promtool", "test", "rules", "alerts-test.yml"],
        ["promtool", "check", "config", "--syntax-only", "prometheus.yml"],
    ):
        done = subprocess.run(command, cwd=DEPLOYMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_tested_and_knows_the_limits() -> None:
    groups = yaml.safe_load((DEPLOYMENT / "alerts.yml").read_text())["groups"]
    names = {rule["alert"] for group in groups for rule in group["rules"]}
    cases = yaml.safe_load((DEPLOYMENT / "alerts-test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in cases for case in test["alert_rule_test"] if "exp_alerts" in case}
    assert fired == names
    rules = {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}
    assert int(rules["SentinelEventsAlmostRefused"].rpartition("> ")[2]) == MAX_WAITING * 8 // 10


@pytest.fixture
def prometheus(calls_lake: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus with the shipped configuration and rules, which scrapes a service at work."""
    service = RunningService(calls_lake, {"flush_seconds": 1.0}).make_keys().start()
    _use(service, tmp_path)
    (tmp_path / "key").write_text(service.keys["reader"])
    config = yaml.safe_load((DEPLOYMENT / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    [job] = config["scrape_configs"]
    job["authorization"]["credentials_file"] = str(tmp_path / "key")
    job["static_configs"][0]["targets"] = [f"127.0.0.1:{service.port}"]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(DEPLOYMENT / "alerts.yml", tmp_path)
    address = f"127.0.0.1:{free_port()}"
    words = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(["prometheus", *words, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(60)
        assert service.stop() == 0


def _use(service: RunningService, folder: Path) -> None:
    """Let the service do a little of everything."""
    (folder / "inbox").mkdir()
    desk = sb.open(service.lake, inbox=folder / "inbox", reports=folder / "reports")
    assert desk.run_nightly().exit_code == 0
    event = {"caller_number": "+2348012345678", "callee_number": "+2349087654321", "duration_seconds": 2}
    with service.client() as client:
        for minute in range(3):
            sent = client.post(f"{V1}/events/call", json=event | {"timestamp": f"2026-01-22T14:0{minute}:00Z"})
            assert sent.status_code == 200
        assert client.get(f"{V1}/alerts").status_code == 200


def _ask(address: str, query: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{address}/api/v1/query", params={"query": query}).json()
    assert answer["status"] == "success", f"{query}: {answer}"
    return list(answer["data"]["result"])


@pytest.mark.slow
@needs_prometheus
def test_a_real_prometheus_answers_every_panel_and_every_rule(prometheus: str, calls_lake: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if _ask(prometheus, "count_over_time(up[10s]) > 4 and up == 1"):
                break
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)
    shown = {
        target["expr"]: _ask(prometheus, target["expr"].replace("$__rate_interval", "10s"))
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    }
    assert [expression for expression, found in shown.items() if not found] == []
    opened = count_alerts(lake=calls_lake)["open"]
    assert float(shown["sum by (lake) (sentinel_alerts_open)"][0]["value"][1]) == opened > 0
    groups = httpx.get(f"{prometheus}/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == 12 and {rule["health"] for rule in rules} == {"ok"}
    # The machine of the test may have little room.
    firing = [rule["name"] for rule in rules if rule["state"] != "inactive" and "Disk" not in rule["name"]]
    assert firing == []
