"""Make a folder of damaged, hostile and unfit recordings, each with the issue code that it must get.

Run as a script: ``python tests/damaged_audio.py FOLDER`` writes the files and prints ``name<TAB>code``.
"""

from __future__ import annotations

import io
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from speech_samples import speak

Array = NDArray[np.float32]
RATE = 8000


def make_damaged_audio(folder: Path) -> dict[str, str]:
    """Write the files and return the expected code by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    speech = speak(6, RATE, seed=11)
    files: dict[str, tuple[str, bytes]] = {}
    for part in (_truncations, _headers, _foreign, _samples, _speech, _channels, _names):
        files.update(part(speech))
    for name, (_, data) in files.items():
        (folder / name).write_bytes(data)
    return {name: code for name, (code, _) in files.items()} | _special(folder)


def encode(signal: Array, container: str = "WAV", subtype: str = "PCM_16", rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    with sf.SoundFile(buffer, "w", rate, 1 if signal.ndim == 1 else signal.shape[1], subtype, format=container) as file:
        file.write(signal)
    return buffer.getvalue()


ENCODINGS = {
    "wav": ("WAV", "PCM_16"),
    "ulaw.wav": ("WAV", "ULAW"),
    "alaw.wav": ("WAV", "ALAW"),
    "gsm.wav": ("WAV", "GSM610"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "ULAW"),
    "caf": ("CAF", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
}


def _truncations(speech: Array) -> dict[str, tuple[str, bytes]]:
    files = {}
    for suffix, (container, subtype) in ENCODINGS.items():
        data = encode(speech, container, subtype)
        for share in (0.3, 0.6, 0.95):
            files[f"cut_{round(100 * share)}.{suffix}"] = ("truncated", data[: int(len(data) * share)])
        files[f"cut_last_bytes.{suffix}"] = ("truncated", data[:-7])
    wav = encode(speech)
    files["cut_in_header.wav"] = ("truncated", wav[:30])
    files["cut_before_data.wav"] = ("truncated", wav[:36])
    files["cut_in_header.flac"] = ("truncated", encode(speech, "FLAC")[:30])
    files["cut_in_first_page.opus"] = ("truncated", encode(speech, "OGG", "OPUS")[:40])
    files["cut_first_frame.mp3"] = ("truncated", encode(speech, "MP3", "MPEG_LAYER_III")[:60])
    files["odd_bytes.sln"] = ("truncated", wav[44:-1])
    return files


def _patch(data: bytes, at: int, form: str, value: int) -> bytes:
    packed = struct.pack(form, value)
    return data[:at] + packed + data[at + len(packed) :]


def _headers(speech: Array) -> dict[str, tuple[str, bytes]]:
    wav, flac = encode(speech), encode(speech, "FLAC")
    opus = encode(speech, "OGG", "OPUS")
    mp3, middle = encode(speech, "MP3", "MPEG_LAYER_III"), len(flac) // 2
    info = int.from_bytes(flac[18:26])
    huge = (info & ~((1 << 36) - 1) | ((1 << 36) - 1)).to_bytes(8)
    return {
        "riff_size_small.wav": ("riff_size_mismatch", _patch(wav, 4, "<I", 100)),
        "riff_size_big.wav": ("riff_size_mismatch", _patch(wav, 4, "<I", 10**8)),
        "riff_size_zero.wav": ("riff_size_mismatch", _patch(wav, 4, "<I", 0)),
        "data_size_zero.wav": ("data_size_zero", _patch(wav, 40, "<I", 0)),
        "data_size_big.wav": ("truncated", _patch(wav, 40, "<I", 2 * len(wav))),
        "data_size_open.wav": ("data_size_unset", _patch(wav, 40, "<I", 0xFFFFFFFF)),
        "declared_hours.wav": ("truncated", _patch(wav, 40, "<I", 5 * 3600 * 2 * RATE)),
        "declared_days.wav": ("data_size_unset", _patch(wav, 40, "<I", 0xF0000000)),
        "trailing.wav": ("trailing_bytes", wav + b"PK\x03\x04 something else" * 20),
        "trailing.mp3": ("trailing_bytes", mp3 + b"something else" * 40),
        "trailing.opus": ("trailing_bytes", opus + b"something else" * 40),
        "rate_zero.wav": ("bad_header", _patch(wav, 24, "<I", 0)),
        "rate_one.wav": ("sampling_rate_low", _patch(wav, 24, "<I", 1)),
        "rate_huge.wav": ("bad_header", _patch(wav, 24, "<I", 10**9)),
        "rate_zero.flac": ("bad_header", flac[:18] + (info & ((1 << 44) - 1)).to_bytes(8) + flac[26:]),
        "channels_zero.wav": ("bad_header", _patch(wav, 22, "<H", 0)),
        "channels_many.wav": ("bad_header", _patch(_patch(wav, 22, "<H", 500), 32, "<H", 1000)),
        "block_align.wav": ("bad_header", _patch(wav, 32, "<H", 7)),
        "codec_unknown.wav": ("unknown_format", _patch(wav, 20, "<H", 0x7777)),
        "no_samples.wav": ("no_audio", encode(speech[:0])),
        "no_samples.flac": ("no_audio", _make_empty_flac(flac)),
        "bomb_declared.flac": ("declared_too_long", flac[:18] + huge + flac[26:]),
        "damaged_middle.flac": ("corrupt", flac[:middle] + bytes(64) + flac[middle + 64 :]),
        "damaged_page.opus": ("corrupt", opus[: len(opus) // 2] + bytes(64) + opus[len(opus) // 2 + 64 :]),
        "damaged_middle.mp3": ("corrupt", mp3[: len(mp3) // 2] + bytes(400) + mp3[len(mp3) // 2 + 400 :]),
        "wrong_checksum.flac": ("checksum_mismatch", flac[:26] + bytes(range(1, 17)) + flac[42:]),
        "id3_only.mp3": ("no_audio", b"ID3\x04\0\0\0\0\x01\x00" + bytes(128)),
    }


def _make_empty_flac(flac: bytes) -> bytes:
    info = (int.from_bytes(flac[18:26]) & ~((1 << 36) - 1)).to_bytes(8)
    return b"fLaC\x80\0\0\x22" + flac[8:18] + info + bytes(16)


def _foreign(speech: Array) -> dict[str, tuple[str, bytes]]:
    wav, noise = encode(speech), np.random.default_rng(5).bytes(4000)
    return {
        "text.wav": ("not_audio", b"The recording is not available.\n" * 20),
        "page.mp3": ("not_audio", b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>"),
        "error.wav": ("not_audio", b'{"error": "not found", "status": 404}'),
        "error.xml.ogg": ("not_audio", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
        "pointer.flac": ("not_audio", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
        "archive.wav": ("not_audio", b"PK\x03\x04" + noise),
        "program.wav": ("not_audio", b"\x7fELF\x02\x01\x01\0" + noise),
        "picture.mp3": ("not_audio", b"\x89PNG\r\n\x1a\n" + noise),
        "empty.wav": ("empty_file", b""),
        "empty.mp3": ("empty_file", b""),
        "zeros.wav": ("zero_filled", bytes(20000)),
        "zeros.mp3": ("zero_filled", bytes(20000)),
        "random.wav": ("unknown_format", b"\x01\x02" + noise),
        "one_byte.wav": ("unknown_format", b"\x07"),
        "undeclared.raw": ("raw_undeclared", wav[44:]),
        "undeclared.pcm": ("raw_undeclared", wav[44:]),
        "really_flac.wav": ("wrong_suffix", encode(speech, "FLAC")),
        "really_wav.mp3": ("wrong_suffix", wav),
        "by_suffix.ulaw": ("raw_assumed", encode(speech, "RAW", "ULAW")),
    }


def _samples(speech: Array) -> dict[str, tuple[str, bytes]]:
    rng = np.random.default_rng(6)
    holed, dropped = speech.copy(), speech.copy()
    holed[8000:24000] = 0
    for start in range(2000, len(dropped), 3000):
        dropped[start : start + 160] = 0
    bad, worse = speech.copy(), speech.copy()
    bad[1000], worse[1000:1100] = np.nan, np.inf
    return {
        "nan.wav": ("nonfinite_samples", encode(bad, subtype="FLOAT")),
        "inf.wav": ("nonfinite_samples", encode(worse, subtype="FLOAT")),
        "all_nan.wav": ("nonfinite_samples", encode(np.full_like(speech, np.nan), subtype="FLOAT")),
        "over.wav": ("over_full_scale", encode(speech * 4, subtype="FLOAT")),
        "clipped.wav": ("clipping", encode(np.clip(speech * 8, -1, 1))),
        "clipped_ulaw.wav": ("clipping", encode(np.clip(speech * 8, -1, 1), subtype="ULAW")),
        "clipped_then_quiet.wav": ("clipping", encode(np.clip(speech * 8, -1, 1) * np.float32(0.4))),
        "offset.wav": ("dc_offset", encode(speech * np.float32(0.5) + np.float32(0.05))),
        "offset_negative.wav": ("dc_offset", encode(speech * np.float32(0.5) - np.float32(0.02))),
        "faint.wav": ("low_level", encode(speech * np.float32(0.01), subtype="FLOAT")),
        "silent.wav": ("silent", encode(np.zeros_like(speech))),
        "silent.flac": ("silent", encode(np.zeros_like(speech), "FLAC")),
        "noise.wav": ("too_little_speech", encode((rng.standard_normal(48000) * 0.05).astype(np.float32))),
        "noisy_3dB.wav": ("low_snr", encode(add_noise(speech, 3, rng))),
        "noisy_8dB.wav": ("low_snr", encode(add_noise(speech, 8, rng))),
        "holes.wav": ("digital_zero_runs", encode(holed)),
        "lost_packets.wav": ("dropouts", encode(dropped)),
    }


def add_noise(speech: Array, snr_db: float, rng: np.random.Generator) -> Array:
    """Add white noise of the given ratio to the mean power of the whole signal, without clipping."""
    noise = rng.standard_normal(len(speech))
    noise *= np.sqrt(np.mean(speech**2) / 10 ** (snr_db / 10))
    return ((speech + noise) * 0.5).astype(np.float32)


def _speech(speech: Array) -> dict[str, tuple[str, bytes]]:
    import soxr

    hush = (np.random.default_rng(7).standard_normal(8 * RATE) * 2e-4).astype(np.float32)
    some, little = hush.copy(), hush.copy()
    some[8000:24000], little[8000:12000] = speech[:16000], speech[2000:6000]
    wide = np.asarray(soxr.resample(speech, RATE, 2 * RATE), np.float32)
    return {
        "too_short.wav": ("too_short", encode(speech[2000:5000])),
        "two_seconds_of_speech.wav": ("too_little_speech", encode(some)),
        "half_a_second_of_speech.wav": ("too_little_speech", encode(little)),
        "nearly_all_silence.wav": ("mostly_silence", encode(little)),
        "narrow_in_wide.wav": ("narrow_bandwidth", encode(wide, rate=16000)),
        "narrow_in_wide.opus": ("narrow_bandwidth", encode(wide, "OGG", "OPUS", 16000)),
        "low_rate.wav": ("sampling_rate_low", encode(speech[::2], rate=4000)),
        "very_low_rate.wav": ("sampling_rate_low", encode(speech[::4], rate=2000)),
    }


def _channels(speech: Array) -> dict[str, tuple[str, bytes]]:
    dead = np.zeros_like(speech)
    nearly = speech + np.float32(1e-5) * np.roll(speech, 3)
    return {
        "dead_right.wav": ("dead_channel", encode(np.stack([speech, dead], axis=1))),
        "dead_left.wav": ("dead_channel", encode(np.stack([dead, speech], axis=1))),
        "twice_the_same.wav": ("identical_channels", encode(np.stack([speech, speech], axis=1))),
        "inverted.wav": ("identical_channels", encode(np.stack([speech, -speech], axis=1))),
        "nearly_the_same.wav": ("identical_channels", encode(np.stack([speech, nearly], axis=1))),
    }


def _names(speech: Array) -> dict[str, tuple[str, bytes]]:
    wav = encode(speech)
    names = ("line\nbreak.wav", "\x1b[31mred.wav", "call\u202egpj.wav", "-rf.wav", os.fsdecode(b"no_utf8_\xff.wav"))
    return {name: ("unsafe_name", wav) for name in names}


def _special(folder: Path) -> dict[str, str]:
    (folder / "folder.wav").mkdir(exist_ok=True)
    makers: dict[str, tuple[str, Callable[[Path], object]]] = {
        "loop.wav": ("unreadable", lambda path: path.symlink_to(path.name)),
        "dangling.wav": ("missing", lambda path: path.symlink_to("nowhere.wav")),
        "pipe.wav": ("not_a_file", os.mkfifo),
        "device.wav": ("not_a_file", lambda path: path.symlink_to("/dev/zero")),
    }
    for name, (_, make) in makers.items():
        (folder / name).unlink(missing_ok=True)
        make(folder / name)
    return {"folder.wav": "not_a_file", "never_there.wav": "missing"} | {n: code for n, (code, _) in makers.items()}


if __name__ == "__main__":
    for file_name, expected in make_damaged_audio(Path(sys.argv[1])).items():
        print(f"{file_name!a}\t{expected}")
