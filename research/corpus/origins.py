"""Where recordings come from: Debian packages and bare git repositories, both read as named bytes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from audio_batch.errors import AudioUsageError


class Origin(Protocol):
    """A read-only set of named files with a version."""

    version: str

    def names(self) -> list[str]:
        """Paths of all files, sorted."""
        ...

    def read(self, name: str) -> bytes:
        """Bytes of one file."""
        ...


class DebianPackage:
    """A Debian package, downloaded and unpacked below a work folder, never installed.

    Parameters
    ----------
    package
        Its name in the configured archive.
    work
        Folder for the downloaded and unpacked files; what is there already is used again.
    """

    def __init__(self, package: str, work: Path) -> None:
        downloads, self._root = work / "deb", work / "x" / package
        downloads.mkdir(parents=True, exist_ok=True)
        archive = _find_archive(downloads, package) or _download(downloads, package)
        self.version = unquote(archive.name.split("_")[1])
        if not self._root.exists():
            self._root.parent.mkdir(exist_ok=True)
            _run(["dpkg-deb", "-x", str(archive), str(self._root)])

    def names(self) -> list[str]:
        """Paths of all files in the package, sorted."""
        return sorted(str(path.relative_to(self._root)) for path in self._root.rglob("*") if path.is_file())

    def read(self, name: str) -> bytes:
        """Bytes of one file."""
        return (self._root / name).read_bytes()


class BareRepository:
    """The newest commit of a bare git repository, or of one of its branches.

    Parameters
    ----------
    repository
        ``owner/name``.
    mirror
        Folder that holds ``owner+name/repo`` (or ``owner+name.git``).
    branch
        The branch to read instead, such as ``gh-pages``.
    """

    def __init__(self, repository: str, mirror: Path, *, branch: str = "") -> None:
        name = repository.replace("/", "+")
        places = [mirror / name / "repo", mirror / f"{name}.git", mirror / name]
        self._folder = next((place for place in places if place.is_dir()), None)
        if self._folder is None:
            raise AudioUsageError(
                f"{repository}: no snapshot in {mirror}",
                hint=f"Put a bare clone at {places[0]}, or leave this source out with --only.",
            )
        self.version = self._resolve(repository, branch)

    def names(self) -> list[str]:
        """Paths of all files in the newest commit, sorted."""
        listing = self._git("ls-tree", "-r", "-z", "--name-only", self.version).decode("utf-8", "surrogateescape")
        return sorted(name for name in listing.split("\0") if name)

    def read(self, name: str) -> bytes:
        """Bytes of one file."""
        return self._git("cat-file", "blob", f"{self.version}:{name}")

    def _resolve(self, repository: str, branch: str) -> str:
        for name in [f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"] if branch else ["HEAD"]:
            try:
                return self._git("rev-parse", "--verify", "--quiet", name).decode().strip()
            except AudioUsageError:
                continue
        raise AudioUsageError(
            f"{repository}: the clone has no branch {branch!r}", hint="Clone it with all branches (git clone --mirror)."
        )

    def _git(self, *arguments: str) -> bytes:
        return _run(["git", "-C", str(self._folder), *arguments])


def _find_archive(downloads: Path, package: str) -> Path | None:
    return max(downloads.glob(f"{package}_*.deb"), default=None)


def _download(downloads: Path, package: str) -> Path:
    _run(["apt-get", "download", package], cwd=downloads)
    archive = _find_archive(downloads, package)
    if archive is None:
        raise AudioUsageError(f"{package}: apt-get left no archive in {downloads}", hint="Run apt-get update first.")
    return archive


def _run(command: list[str], cwd: Path | None = None) -> bytes:
    done = subprocess.run(command, cwd=cwd, capture_output=True, check=False)
    if done.returncode:
        raise AudioUsageError(
            f"{' '.join(command[:3])} failed: {done.stderr.decode(errors='replace').strip()[-300:]}",
            hint="The package or repository must be reachable from this machine.",
        )
    return done.stdout
