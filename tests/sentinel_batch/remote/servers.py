"""Real servers on the loopback interface: OpenSSH's sshd, and an S3 store."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from typing import Any

import pytest

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
KEYGEN = shutil.which("ssh-keygen")


@dataclass(frozen=True)
class SftpServer:
    """An sshd that lets one key in; ``folder`` is what it serves."""

    port: int
    folder: Path
    key: Path
    known_hosts: Path

    @property
    def address(self) -> str:
        return f"sftp://{getuser()}@127.0.0.1:{self.port}{self.folder}"

    @property
    def environ(self) -> dict[str, str]:
        return {"SENTINEL_SFTP_KEY": str(self.key), "SENTINEL_SFTP_KNOWN_HOSTS": str(self.known_hosts)}


@contextmanager
def sftp_server(root: Path) -> Iterator[SftpServer]:
    assert SSHD is not None and KEYGEN is not None
    port = free_port()
    host, user, folder = root / "host_key", root / "user_key", root / "served"
    folder.mkdir()
    for key in (host, user):
        subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    authorized = root / "authorized_keys"
    authorized.write_bytes(user.with_suffix(".pub").read_bytes())
    kind, text, *_ = host.with_suffix(".pub").read_text().split()
    known = root / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {kind} {text}\n")
    config = root / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {host}\nAuthorizedKeysFile {authorized}\nStrictModes no\n"
        f"PasswordAuthentication no\nUsePAM no\nPidFile none\nSubsystem sftp {_sftp_program()}\n"
    )
    Path("/run/sshd").mkdir(parents=True, exist_ok=True)  # sshd separates its privileges there
    with (root / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=log)
        try:
            await_port(port, process)
            yield SftpServer(port, folder, user, known)
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def s3_server() -> Iterator[str]:
    """Give the address of an empty S3 store."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    """A running SFTP server; import it to use it."""
    pytest.importorskip("paramiko", reason="paramiko is not installed (test extra)")
    if SSHD is None or KEYGEN is None:
        pytest.skip("OpenSSH's server is not installed (Debian: openssh-server)")
    with sftp_server(tmp_path_factory.mktemp("sftp")) as server:
        yield server


def _sftp_program() -> str:
    places = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")
    return next((place for place in places if Path(place).exists()), "internal-sftp")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_port(port: int, process: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")
