"""The voiceprint store: what it keeps private, what it refuses, and that it is never half-written."""

from __future__ import annotations

import json
import os
import pickle
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_batch.errors import AudioUsageError, EnrollmentError
from audio_batch.speaker.keys import KEY_FILE_VARIABLE, KEY_VARIABLE, StoreKey, create_key, read_key
from audio_batch.speaker.store import (
    Clip,
    Voiceprint,
    check_id,
    read_voiceprint,
    read_voiceprints,
    remove_voiceprint,
    write_voiceprint,
)

VECTOR = np.arange(1, 257, dtype=np.float32) / np.float32(np.sqrt(np.sum(np.arange(1.0, 257.0) ** 2)))


def make_print(enrollment_id: str = "account 7") -> Voiceprint:
    return Voiceprint(
        enrollment_id,
        "encoder-1",
        "narrowband",
        3.5,
        "2026-01-01T00:00:00+00:00",
        (Clip("ab", 9.0),),
        {"narrowband": VECTOR},
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "voices"


@pytest.fixture
def key(tmp_path: Path) -> StoreKey:
    return create_key(tmp_path / "key")


def file_of(store: Path) -> Path:
    (file,) = store.iterdir()
    return file


@pytest.mark.parametrize("sealed", [False, True])
def test_a_voiceprint_comes_back_as_it_was(store: Path, key: StoreKey, sealed: bool) -> None:
    secret = key if sealed else None
    write_voiceprint(store, make_print(), key=secret, replace=False)
    found = read_voiceprint(store, "account 7", key=secret)
    assert np.array_equal(found.embeddings["narrowband"], VECTOR)
    assert replace(found, embeddings={}) == replace(make_print(), embeddings={})


def test_folder_and_file_are_private(store: Path) -> None:
    before = os.umask(0)
    try:
        write_voiceprint(store, make_print(), key=None, replace=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    assert stat.S_IMODE(file_of(store).stat().st_mode) == 0o600


def test_an_open_folder_is_refused(store: Path) -> None:
    store.mkdir(mode=0o755)
    store.chmod(0o755)
    with pytest.raises(EnrollmentError, match=r"Others may enter .*mode 0755; allowed: 0700.*\nHint: .*chmod 700"):
        write_voiceprint(store, make_print(), key=None, replace=False)
    assert list(store.iterdir()) == []


def test_a_taken_id_is_not_overwritten(store: Path) -> None:
    write_voiceprint(store, make_print(), key=None, replace=False)
    changed = replace(make_print(), consistency=1.0)
    with pytest.raises(EnrollmentError, match="'account 7' is enrolled already") as caught:
        write_voiceprint(store, changed, key=None, replace=False)
    assert caught.value.code == "enrollment"
    assert read_voiceprint(store, "account 7", key=None).consistency == 3.5
    write_voiceprint(store, changed, key=None, replace=True)
    assert read_voiceprint(store, "account 7", key=None).consistency == 1.0


def test_a_failed_write_leaves_the_old_voiceprint_and_no_draft(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_voiceprint(store, make_print(), key=None, replace=False)

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(EnrollmentError, match="cannot be used: No space left on device"):
        write_voiceprint(store, replace(make_print(), consistency=1.0), key=None, replace=True)
    assert read_voiceprint(store, "account 7", key=None).consistency == 3.5
    file_of(store)


@pytest.mark.parametrize(
    "hostile", ["../../etc/passwd", "/etc/passwd", "a/b", "..", "C:\\x", "x" * 128, "%2e%2e", "é中"]
)
def test_a_hostile_id_stays_in_the_store(store: Path, hostile: str) -> None:
    write_voiceprint(store, make_print(hostile), key=None, replace=False)
    assert file_of(store).parent == store
    assert file_of(store).name.removesuffix(".voiceprint").isalnum()
    assert [one.enrollment_id for one in read_voiceprints(store, key=None)] == [hostile]
    remove_voiceprint(store, hostile)
    assert list(store.iterdir()) == []


@pytest.mark.parametrize("bad", ["", " a", "a\n", "a\x00b", "x" * 129, "\ud800", "\u202egnp", None, 7])
def test_an_unprintable_id_is_refused(bad: str) -> None:
    with pytest.raises(AudioUsageError, match=r"is not allowed: 1 to 128 printable characters"):
        check_id(bad)


@given(st.text(max_size=200))
def test_ids_are_accepted_or_refused_never_crash(text: str) -> None:
    try:
        assert check_id(text) == text
    except AudioUsageError:
        assert not text or not text.isprintable() or len(text) > 128 or text != text.strip()


def test_a_link_is_not_followed(store: Path, tmp_path: Path) -> None:
    write_voiceprint(store, make_print(), key=None, replace=False)
    file = file_of(store)
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EnrollmentError, match="cannot be used"):
        read_voiceprint(store, "account 7", key=None)


def test_nothing_biometric_is_printed(store: Path, key: StoreKey) -> None:
    voiceprint = make_print()
    assert str(VECTOR[9])[:6] not in repr(voiceprint)
    assert "embeddings" not in repr(voiceprint)
    assert key.text.decode() not in repr(key)
    assert key.text.decode() not in f"{key!s} {[key]}"


def test_encrypted_files_show_neither_voice_nor_id(store: Path, key: StoreKey) -> None:
    write_voiceprint(store, make_print("Maria Rossi"), key=key, replace=False)
    assert b"Maria" not in file_of(store).read_bytes()
    assert b"narrowband" not in file_of(store).read_bytes()


def test_wrong_keys_and_damage_are_told_apart_from_absence(store: Path, key: StoreKey, tmp_path: Path) -> None:
    write_voiceprint(store, make_print(), key=key, replace=False)
    with pytest.raises(EnrollmentError, match="is encrypted and no key is given"):
        read_voiceprint(store, "account 7", key=None)
    with pytest.raises(EnrollmentError, match="is encrypted with another key, or damaged"):
        read_voiceprint(store, "account 7", key=create_key(tmp_path / "other"))
    with pytest.raises(EnrollmentError, match="Nobody is enrolled as 'account 8'"):
        read_voiceprint(store, "account 8", key=key)
    file = file_of(store)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(EnrollmentError, match="another key, or damaged"):
        read_voiceprint(store, "account 7", key=key)


def test_a_plain_voiceprint_cannot_be_slipped_into_an_encrypted_store(store: Path, key: StoreKey) -> None:
    write_voiceprint(store, make_print(), key=None, replace=False)
    with pytest.raises(EnrollmentError, match="is not encrypted, though a key is given"):
        read_voiceprint(store, "account 7", key=key)


def test_a_voiceprint_cannot_be_moved_to_another_id(store: Path, key: StoreKey) -> None:
    write_voiceprint(store, make_print("thief"), key=key, replace=False)
    thief = file_of(store)
    write_voiceprint(store, make_print("victim"), key=key, replace=False)
    (victim,) = set(store.iterdir()) - {thief}
    victim.write_bytes(thief.read_bytes())
    with pytest.raises(EnrollmentError, match="holds the voiceprint of another id"):
        read_voiceprint(store, "victim", key=key)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not a voiceprint",
        b"voiceprint 1 plain\n{}",
        b"voiceprint 1 plain\n[]",
        b"voiceprint 1 plain\n" + b"[" * 100,
        pickle.dumps({}),
    ],
)
def test_a_damaged_file_is_named(store: Path, body: bytes) -> None:
    write_voiceprint(store, make_print(), key=None, replace=False)
    file_of(store).write_bytes(body)
    with pytest.raises(EnrollmentError, match=r"\.voiceprint' is damaged\nHint: .*forget the id and enrol anew"):
        read_voiceprint(store, "account 7", key=None)


def test_a_vector_that_is_no_number_is_refused(store: Path) -> None:
    write_voiceprint(store, make_print(), key=None, replace=False)
    head, text = file_of(store).read_bytes().split(b"\n", 1)
    plain = json.loads(text) | {"embeddings": {"narrowband": "AADAfwAAwH8="}}
    file_of(store).write_bytes(head + b"\n" + json.dumps(plain).encode())
    with pytest.raises(EnrollmentError, match="is damaged"):
        read_voiceprint(store, "account 7", key=None)


def test_forgetting_needs_no_key_and_happens_once(store: Path, key: StoreKey) -> None:
    write_voiceprint(store, make_print(), key=key, replace=False)
    remove_voiceprint(store, "account 7")
    assert list(store.iterdir()) == []
    with pytest.raises(EnrollmentError, match=r"Nobody is enrolled as 'account 7'\nHint: List the ids"):
        remove_voiceprint(store, "account 7")


def test_a_missing_store_is_named(store: Path) -> None:
    with pytest.raises(EnrollmentError, match="There is no voiceprint store at"):
        list(read_voiceprints(store, key=None))
    store.write_text("")
    with pytest.raises(EnrollmentError, match="it is not a folder"):
        list(read_voiceprints(store, key=None))


def test_a_key_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path) == key
    with pytest.raises(AudioUsageError, match="cannot be made: File exists"):
        create_key(path)
    path.chmod(0o644)
    with pytest.raises(AudioUsageError, match=r"may be read by others \(mode 0644; allowed: 0600, 0400\)"):
        read_key(path)


def test_the_environment_names_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    assert read_key() is None
    key = create_key(tmp_path / "key")
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "key"))
    assert read_key() == key
    other = create_key(tmp_path / "other")
    monkeypatch.setenv(KEY_VARIABLE, other.text.decode())
    assert read_key() == other
    monkeypatch.setenv(KEY_VARIABLE, "hunter2")
    with pytest.raises(AudioUsageError, match="is not a Fernet key") as caught:
        read_key()
    assert "hunter2" not in str(caught.value)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioUsageError, match="cannot be read: No such file"):
        read_key(tmp_path / "none")
