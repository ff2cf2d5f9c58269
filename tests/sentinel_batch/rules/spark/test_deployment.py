"""What is shipped to run nights on a cluster: the rehearsal is gone through, the compose file names what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from spark_servers import SPARK

from sentinel_batch.config import SETTINGS

ROOT = Path(__file__).resolve().parents[4]
CLUSTER = ROOT / "docs" / "cluster"

needs_spark = pytest.mark.skipif(
    not SPARK.is_dir() or shutil.which("java") is None,
    reason="Apache Spark or Java is not installed: make test-cluster",
)


def read_compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((CLUSTER / "compose.yaml").read_text(encoding="utf-8"))
    return document


def test_compose_names_what_is_there() -> None:
    compose = read_compose()
    services = compose["services"]
    for service in services.values():
        assert service["security_opt"] == ["no-new-privileges:true"] and service["cap_drop"] == ["ALL"]
        assert "ports" not in service and set(service["networks"]) <= set(compose["networks"])
        assert re.search(r":\d+\.\d+\.\d+$", service["image"])
        assert set(service.get("depends_on", ())) <= set(services)
    settings = [name.removeprefix("SENTINEL_").lower() for name in services["night"]["environment"]]
    assert {name for name in settings if not name.startswith("aws_")} <= set(SETTINGS)
    build = services["night"]["build"]
    assert (CLUSTER / build["context"]).resolve() == ROOT
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(re.search(rf"^{extra} = \[", text, re.MULTILINE) for extra in build["args"]["EXTRAS"].split(","))


def test_compose_has_the_versions_that_are_tested() -> None:
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    services = read_compose()["services"]
    for image, package in ((services["spark"]["image"], "pyspark"), (services["s3"]["image"], "moto")):
        assert f"\n{package}=={image.rpartition(':')[2]}\n" in pinned


@pytest.mark.cluster
@needs_spark
def test_compose_takes_the_connector_of_sparks_own_hadoop() -> None:
    [jar] = (SPARK / "jars").glob("hadoop-client-api-*.jar")
    command = read_compose()["services"]["spark"]["command"]
    assert f"org.apache.hadoop:hadoop-aws:{jar.stem.rpartition('-')[2]}" in command
    assert (SPARK / "sbin" / Path(command[0]).name).is_file()


@pytest.mark.cluster
@needs_spark
def test_the_rehearsal_finds_both_nights_equal(tmp_path: Path) -> None:
    command = [sys.executable, CLUSTER / "rehearse.py", "--keep", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "report's figures are equal" in done.stdout
    counts = {name: int(count) for name, count in re.findall(r"^(\w+) list: (\d+)$", done.stdout, re.MULTILINE)}
    assert counts["alerts"] > 100 and counts["cases"] > 0
    [port] = re.findall(r"sc://127\.0\.0\.1:(\d+)", done.stdout)
    left = [process for process in psutil.process_iter(["cmdline"]) if port in " ".join(process.info["cmdline"] or ())]
    assert left == []
