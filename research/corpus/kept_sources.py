"""Sources that no part of the corpus may use, because recordings of them are kept to judge the finished models by."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from audio_batch.errors import AudioUsageError

LIST = Path(__file__).with_name("kept_for_evaluation.sha256")


@cache
def read_kept_hashes() -> frozenset[str]:
    """Return the SHA-256 digests of the kept sources' names; the names themselves are not told."""
    lines = LIST.read_text(encoding="ascii").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def is_kept(*, repository: str = "", package: str = "") -> bool:
    """Tell whether a GitHub repository (``owner/name``) or a Debian package is kept for evaluation."""
    name = f"github:{repository}" if repository else f"deb:{package}"
    return hashlib.sha256(name.lower().encode()).hexdigest() in read_kept_hashes()


def refuse_kept(where: Path, *, repository: str = "", package: str = "") -> None:
    """Check that a source may be used.

    Parameters
    ----------
    where
        The table that names the source, for the message.
    repository, package
        ``owner/name`` of a GitHub repository, or the name of a Debian package.

    Raises
    ------
    AudioUsageError
        The source is kept for evaluation.
    """
    if is_kept(repository=repository, package=package):
        raise AudioUsageError(
            f"{where.name}: {repository or package} is kept for evaluation and may not be trained on",
            hint=f"Delete its entry; the kept sources are listed, as hashes of their names, in {LIST.name}.",
        )
