"""A batch in a process that may be killed: ``python -m benchmarks.audio_crash INBOX MANIFEST OUT``; see `crash`."""

from __future__ import annotations

import sys
from pathlib import Path


def write_batch(inbox: Path, manifest: Path, out: Path) -> None:
    """Analyse a folder with checkpoints below ``out``, and leave the tables there as Parquet."""
    import audio_batch

    result = audio_batch.run(
        inbox, manifest=manifest, policy="voice_only", workers=2, checkpoint_dir=out / "audio_checkpoints"
    )
    for name in ("features", "segments", "recordings"):
        getattr(result, name).write_parquet(out / f"{name}.parquet")


if __name__ == "__main__":
    write_batch(*map(Path, sys.argv[1:]))
