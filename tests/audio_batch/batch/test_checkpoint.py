"""What an earlier batch finished: taken over, left aside, cleared away."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from audio_batch.batch import remove_stale, run
from tests.audio_batch.batch.batch_samples import assert_same, find_row, write_recording


def count_kept(folder: Path) -> int:
    return len([path for path in folder.rglob("*") if path.is_file()])


def test_a_second_run_repeats_nothing_but_errors_and_changes(inbox: Path, tmp_path: Path) -> None:
    write_recording(inbox / "boom.wav", 9)
    kept = tmp_path / "kept"
    first = run(inbox, workers=0, checkpoint_dir=kept, with_features=False)
    write_recording(inbox / "b.wav", 77)
    second = run(inbox, workers=0, checkpoint_dir=kept, with_features=False)
    resumed = dict(second.recordings.select("path", "resumed").iter_rows())
    assert not first.recordings["resumed"].any()
    assert [path for path, old in resumed.items() if not old] == ["b.wav", "boom.wav"]
    assert find_row(second, "b.wav")["sha256"] != find_row(first, "b.wav")["sha256"]
    assert find_row(second, "a.wav") == find_row(first, "a.wav") | {"resumed": True}
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "change",
    [{"policy": "voice_only"}, {"with_features": True}, {"channel_roles": "left=agent"}, {"profile": "remote"}],
)
def test_other_parameters_do_not_take_old_results(inbox: Path, tmp_path: Path, change: dict[str, object]) -> None:
    if "profile" in change:
        (tmp_path / "own.toml").write_text('extends = "telephone"\n')
        change = {"profile": str(tmp_path / "own.toml")}
    options = {"workers": 0, "checkpoint_dir": tmp_path / "kept", "with_features": False}
    run(inbox, **options)  # type: ignore[arg-type]
    again = run(inbox, **(options | change))  # type: ignore[arg-type]
    assert not again.recordings["resumed"].any()


def test_another_model_or_other_code_does_not_take_old_results(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resume() -> int:
        result = run(inbox, workers=0, checkpoint_dir=tmp_path / "kept", model=model, with_features=False)
        return int(result.recordings["resumed"].sum())

    model = tmp_path / "model.json"
    model.write_text("one")
    assert [resume(), resume()] == [0, 5]
    model.write_text("two")
    assert [resume(), resume()] == [0, 5]
    monkeypatch.setattr("audio_batch.batch.settings._hash_code", lambda: "other code")
    assert resume() == 0


def test_a_finished_batch_keeps_only_what_it_would_use_again(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    options: dict[str, object] = {"workers": 0, "checkpoint_dir": kept, "with_features": False}
    run(inbox, **options)  # type: ignore[arg-type]
    assert count_kept(kept) == 5
    (inbox / "a.wav").unlink()
    write_recording(inbox / "b.wav", 70)
    left = next(kept.rglob("*.json")).with_name(".abc.123.part")
    left.write_text("half a result")
    write_recording(tmp_path / "other" / "o.wav", 71)
    run(tmp_path / "other", **options)  # type: ignore[arg-type]
    assert count_kept(kept) == 5 + 1 + 1
    assert run(inbox, **options).recordings["resumed"].sum() == 3  # type: ignore[arg-type]
    assert count_kept(kept) == 4 + 1 and not left.exists()
    monkeypatch.setattr("audio_batch.batch.settings._hash_code", lambda: "other code")
    assert run(inbox, **options).recordings["resumed"].sum() == 0  # type: ignore[arg-type]
    assert count_kept(kept) == 4 + 1
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "other", progress=lambda _: (_ for _ in ()).throw(KeyboardInterrupt), **options)  # type: ignore[arg-type]
    assert count_kept(kept) == 4 + 2


def test_results_that_nobody_uses_grow_stale(inbox: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    run(inbox, workers=0, checkpoint_dir=kept, with_features=False)
    old = time.time() - 3 * 3600
    for path in kept.rglob("*.json"):
        os.utime(path, (old, old))
    assert remove_stale(kept, 4) == 0
    assert remove_stale(kept, 2, dry_run=True) == 5 and count_kept(kept) == 5
    run(inbox, workers=0, checkpoint_dir=kept, with_features=False)
    assert remove_stale(kept, 2) == 0
    assert remove_stale(kept, -1) == 5 and list(kept.iterdir()) == []
    assert remove_stale(tmp_path / "nowhere", 1) == 0


def test_a_damaged_checkpoint_is_computed_again(inbox: Path, tmp_path: Path) -> None:
    first = run(inbox, workers=0, checkpoint_dir=tmp_path / "kept")
    files = sorted((tmp_path / "kept").rglob("*.json"))
    assert len(files) == 5
    files[0].write_text("")
    files[1].write_text('{"key": "another", "result": {}}')
    files[2].write_bytes(b"\xff\xfe")
    second = run(inbox, workers=0, checkpoint_dir=tmp_path / "kept")
    assert second.recordings["resumed"].sum() == 2
    assert_same(first, second)
