"""Runs one night twice on this machine: rules on Spark and the lake in S3, then on DuckDB and on disk; and compares.

    python docs/cluster/rehearse.py [--spark FOLDER] [--keep FOLDER]

It starts Apache Spark's Connect server by the script that comes with it, and moto's S3 server, each on a free port of
this machine and nowhere else, goes through the night by the command line, and ends what it started, whatever happens.
Needs Java 17, the extras `spark` and `objects`, and moto (extra `test`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[2]
CALLS = ROOT / "data" / "sample" / "calls"
POPULATION = ("--subscribers", "1200", "--days", "5", "--seed", "5", "--boxes", "2")
LISTS = (("alerts", "list"), ("cases", "list"), ("boxes", "list"))
BUCKET, PATIENCE = "fraud-desk", 300.0
CHANGING = {
    "run_id", "created_at", "updated_at", "processed_at", "started_at", "finished_at", "generated_at", "at", "seconds",
    "duration_seconds", "peak_memory_bytes", "runs", "commit_id", "content_id",
}  # fmt: skip
"""What says when something was done, and by which run."""


@dataclass
class Night:
    """A night as the command line is told to run it.

    Parameters
    ----------
    folder
        Where its files are.
    lake
        A folder or an address.
    environment
        Variables beside those of this program.
    options
        Of `nightly`.
    """

    folder: Path
    lake: str
    environment: Mapping[str, str]
    options: tuple[str, ...] = ()

    def say(self, *words: str) -> dict[str, Any]:
        """Run a command, and return its document."""
        command = [sys.executable, "-m", "sentinel_batch", "--lake", self.lake, *words, "--json"]
        environment = os.environ | dict(self.environment) | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, check=False)
        with (self.folder / "commands.log").open("ab") as log:
            log.write(done.stderr)
        if done.returncode:
            said = f"{done.stdout.decode()}{done.stderr.decode()[-2000:]}"
            raise SystemExit(f"{' '.join(words)} ended with code {done.returncode}: {said}")
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def run(self) -> dict[str, Any]:
        """Simulate calls into the lake, run the night on more of them, and return what people see of it."""
        shutil.copytree(CALLS, self.folder / "inbox")
        self.say("sim", "population", *POPULATION)
        self.say("nightly", "--inbox", "inbox", "--out", "reports", *self.options)
        report = next(self.folder.glob("reports/latest/report.json")).read_text(encoding="utf-8")
        seen = {" ".join(words): self.say(*words, "--limit", "100000") for words in LISTS} | {
            "report": json.loads(report)
        }
        return {name: self._plain(document) for name, document in seen.items()}

    def _plain(self, value: Any) -> Any:
        """Return a document without what differs from run to run, and from place to place."""
        if isinstance(value, dict):
            return {name: self._plain(inner) for name, inner in value.items() if name not in CHANGING}
        if isinstance(value, list):
            return [self._plain(inner) for inner in value]
        return value.replace(self.lake, "LAKE").replace(str(self.folder), "HERE") if isinstance(value, str) else value


def find_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def await_port(port: int, log: Path) -> None:
    """Wait until somebody listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    said = log.read_text(errors="replace")[-2000:] if log.is_file() else ""
    raise SystemExit(f"Nobody listens on port {port} after {PATIENCE:g} s. {said}")


@contextmanager
def serving_s3(folder: Path) -> Iterator[dict[str, str]]:
    """Run moto's server with an empty bucket; give the variables with which it is found."""
    port, log = find_port(), folder / "s3.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        await_port(port, log)
        url = f"http://127.0.0.1:{port}"
        create_bucket(url)
        keys = {"AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "rehearsal"}
        yield {"AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1", **keys}
    finally:
        server.terminate()
        server.wait(PATIENCE)


def create_bucket(url: str) -> None:
    """Make the bucket: a lake is made by the first command that writes, its bucket is not."""
    with urlopen(Request(f"{url}/{BUCKET}", method="PUT")):
        pass


@contextmanager
def serving_spark(home: Path, folder: Path) -> Iterator[str]:
    """Run Spark's Connect server by its own scripts; give its address."""
    port = find_port()
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": (folder / "warehouse").as_uri(),
        "spark.ui.enabled": "false",
    }
    names = {"SPARK_HOME": str(home), "SPARK_LOG_DIR": str(folder / "logs"), "SPARK_PID_DIR": str(folder / "pids")}
    environment = os.environ | names | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_IDENT_STRING": f"rehearsal-{port}"}
    words = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    start = ["bash", str(home / "sbin" / "start-connect-server.sh"), "--master", "local[2]", "--driver-memory", "1g"]
    # What is run soon is compiled well enough by the first compiler: half of the processor time.
    start += ["--driver-java-options", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"]
    try:
        subprocess.run([*start, *words], env=environment, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        await_port(port, next(iter((folder / "logs").glob("*.out")), folder / "none"))
        yield f"sc://127.0.0.1:{port}"
    finally:
        servers = [path.read_text().strip() for path in (folder / "pids").glob("*.pid")]
        stop = ["bash", str(home / "sbin" / "stop-connect-server.sh")]
        subprocess.run(stop, env=environment, cwd=folder, check=False, stdout=subprocess.DEVNULL)
        await_end(servers)  # The script only asks for it.


def await_end(processes: list[str]) -> None:
    """Wait until processes are gone, or nothing but their names are left."""
    deadline = time.monotonic() + PATIENCE
    while any(_is_at_work(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.2)


def _is_at_work(process: str) -> bool:
    told = subprocess.run(["ps", "-o", "stat=", "-p", process], capture_output=True, text=True, check=False)
    return told.stdout.strip()[:1] not in ("", "Z")


def find_spark(given: Path | None) -> Path:
    """Return the folder of Apache Spark: as given, of the environment, or where `make test-cluster` puts it."""
    here = Path(sys.prefix) / "spark-server" / "pyspark"
    home = given or Path(os.environ.get("SPARK_HOME", here))
    if not (home / "sbin" / "start-connect-server.sh").is_file():
        raise SystemExit(f"There is no Apache Spark in {home}: name its folder with --spark, or run make test-cluster.")
    if shutil.which("java") is None:
        raise SystemExit("Apache Spark needs Java: apt-get install --no-install-recommends default-jre-headless")
    return home


def rehearse(home: Path, folder: Path) -> list[str]:
    """Run both nights; return the names of what differs."""
    plain = Night(folder / "duckdb", str(folder / "duckdb" / "lake"), {})
    for name in ("duckdb", "spark", "servers"):
        (folder / name).mkdir(parents=True)
    print("DuckDB, lake on disk …", flush=True)
    here = plain.run()
    with ExitStack() as started:
        keys = started.enter_context(serving_s3(folder / "servers"))
        remote = started.enter_context(serving_spark(home, folder / "servers"))
        own = {"SENTINEL_LAKE_STATE": str(folder / "spark"), "SENTINEL_LAKE_CACHE": str(folder / "spark" / "cache")}
        # This Spark has no connector for S3, and sees this machine's cache.
        found = {"SENTINEL_SPARK_REMOTE": remote, "SENTINEL_SPARK_LAKE": "cache"}
        print(f"Spark at {remote}, lake in S3 at {keys['AWS_ENDPOINT_URL']} …", flush=True)
        night = Night(folder / "spark", f"s3://{BUCKET}/lake", keys | own | found, ("--engine", "spark"))
        there = night.run()
    for name in LISTS:
        print(f"{' '.join(name)}: {here[' '.join(name)]['count']}", flush=True)
    (folder / "duckdb.json").write_text(json.dumps(here, indent=1), encoding="utf-8")
    (folder / "spark.json").write_text(json.dumps(there, indent=1), encoding="utf-8")
    return [name for name in here if here[name] != there[name]]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spark", type=Path, help="Folder of Apache Spark.")
    parser.add_argument("--keep", type=Path, help="An empty folder to leave all files in.")
    given = parser.parse_args()
    home = find_spark(given.spark)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.keep or Path(temporary)).absolute()
        wrong = rehearse(home, folder)
    if wrong:
        raise SystemExit(f"They differ: {', '.join(wrong)}.")
    print("Alerts, cases, boxes and the report's figures are equal.")


if __name__ == "__main__":
    main()
