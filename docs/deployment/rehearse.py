"""Goes through the Dockerfile without Docker: installs into an empty prefix, serves as a stranger, and ends in order.

    python docs/deployment/rehearse.py WHEEL [EXTRAS]

What is run (the installation, the environment, the command, the health check) is read from the Dockerfile, with other
folders and another port. As root it serves as the user `nobody`, who can write nothing but the data.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
PREFIX, DATA, PORT = "/opt/sentinel", "/var/lib/sentinel", "8000"
NOBODY = 65534
PATIENCE = 60.0


@dataclass
class Image:
    """What the Dockerfile says of the image.

    Parameters
    ----------
    install
        Command that installs the wheel.
    environment
        Variables of the last stage.
    command
        Entry point and default command, in words.
    health
        Health check, in words.
    user
        Who runs it.
    """

    install: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    user: str = ""


def read_image(text: str) -> Image:
    """Return what a Dockerfile says; every instruction must be one that is known here."""
    image = Image()
    entry: list[str] = []
    for line in _instructions(text):
        name, _, rest = line.partition(" ")
        if name == "RUN" and PREFIX in rest:
            image.install = next(part.strip() for part in rest.split("&&") if PREFIX in part)
        elif name == "ENV":
            image.environment = dict(word.split("=", 1) for word in shlex.split(rest))
        elif name == "HEALTHCHECK":
            image.health = json.loads(rest.partition("CMD ")[2])
        elif name == "ENTRYPOINT":
            entry = json.loads(rest)
        elif name == "CMD":
            image.command = json.loads(rest)
        elif name == "USER":
            image.user = rest
        elif name not in ("ARG", "FROM", "WORKDIR", "COPY", "RUN", "VOLUME", "EXPOSE"):
            raise SystemExit(f"rehearse.py does not know the instruction {name} of the Dockerfile.")
    image.command = entry + image.command
    return image


def _instructions(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()


class Rehearsal:
    """One installation in a folder of its own."""

    def __init__(self, image: Image, folder: Path) -> None:
        self.image, self.folder = image, folder
        self.prefix, self.data = folder / "prefix", folder / "data"
        self.port = _free_port()
        self.as_nobody = os.geteuid() == 0

    def install(self, wheel: Path, extras: str) -> None:
        """Run the installation of the Dockerfile."""
        values = {"PYTHON": self._python(), "PIP": sys.executable, "EXTRAS": extras}
        line = self.image.install.replace("/dist/*.whl", shlex.quote(str(wheel))).replace(PREFIX, str(self.prefix))
        subprocess.run(["sh", "-c", line], cwd=ROOT, env={**os.environ, **values}, check=True)

    def run(self) -> None:
        """Make a key, serve, look at the health, and end."""
        self._make_data()
        command = self._adapt(self.image.command)
        key = self._run([command[0], "keys", "add", "rehearsal", "--role", "admin"]).stdout.strip()
        assert key.startswith("sb_"), key
        log = self.folder / "serve.log"
        with log.open("wb") as stream:
            service = subprocess.Popen(
                self._words([*command, "--port", str(self.port)]),
                cwd=self.data,
                env=self._env(),
                stdout=stream,
                stderr=stream,
            )
        try:
            self._wait_for_health(service, log)
            with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=10) as answer:
                print("ready:", answer.read().decode())
            print("served as user", Path(f"/proc/{service.pid}").stat().st_uid)
        finally:
            service.terminate()
        code = service.wait(PATIENCE)
        if code != 0:
            raise SystemExit(f"The service ended with exit code {code}:\n{log.read_text()}")

    def _python(self) -> str:
        """Return a Python that the user of the service may run: one below /root is root's own."""
        for python in (sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin")):
            found = python and subprocess.run(
                self._words([python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]),
                check=False,
                capture_output=True,
            )
            if found and found.returncode == 0:
                return str(python)
        print("No Python of the system is 3.11 or newer: served as root, which the image never does.", file=sys.stderr)
        self.as_nobody = False
        return sys.executable

    def _make_data(self) -> None:
        for folder in (self.data, self.data / "inbox"):
            folder.mkdir()
            if self.as_nobody:
                os.chown(folder, NOBODY, NOBODY)

    def _wait_for_health(self, service: subprocess.Popen[bytes], log: Path) -> None:
        deadline = time.monotonic() + PATIENCE
        while self._run(self._adapt(self.image.health), check=False).returncode != 0:
            if service.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The health check fails:\n{log.read_text()}")
            time.sleep(0.2)

    def _run(self, words: list[str], check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._words(words),
            cwd=self.data,
            env=self._env(),
            check=check,
            text=True,
            stdout=subprocess.PIPE,
            stderr=None if check else subprocess.DEVNULL,
        )

    def _words(self, words: list[str]) -> list[str]:
        if not self.as_nobody:
            return words
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", *words]

    def _env(self) -> dict[str, str]:
        return {name: self._moved(value) for name, value in self.image.environment.items()}

    def _adapt(self, words: list[str]) -> list[str]:
        program = str(self.prefix / "bin" / words[0])
        return [program, *(self._moved(word).replace(f":{PORT}/", f":{self.port}/") for word in words[1:])]

    def _moved(self, text: str) -> str:
        return text.replace(PREFIX, str(self.prefix)).replace(DATA, str(self.data))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(wheel: str, extras: str = "service") -> None:
    """Rehearse with a wheel."""
    image = read_image((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        rehearsal = Rehearsal(image, folder)
        rehearsal.install(Path(wheel).resolve(), extras)
        rehearsal.run()
    print("The steps of the Dockerfile hold: installed, served, healthy, ended in order.")


if __name__ == "__main__":
    main(*sys.argv[1:])
