"""Validation of one file: its bytes, its header, its samples, against the limits of a profile."""

from __future__ import annotations

import os
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import Properties, RawFormat, open_file, printable, probe, read_blocks
from audio_batch.errors import UnreadableAudioError
from audio_batch.validation.findings import make_no_audio, make_truncated
from audio_batch.validation.flac import FlacChecksum
from audio_batch.validation.inspection import inspect_container, inspect_name
from audio_batch.validation.limits import Profile, load_profile
from audio_batch.validation.outcome import Issue, Validation, sort_issues
from audio_batch.validation.quality import MIN_SAMPLING_RATE, Quality, QualityMeter

BLOCK_SECONDS = 30.0
MAX_SAMPLES = 1 << 31
"""Most samples of all channels that are decoded for validation: six hours of 48 kHz stereo. More is a bomb."""
DEAD_CHANNEL_DBFS = -70.0
"""A channel below this level while another is 20 dB above carries nobody: idle noise lies near -65 dBFS."""
_SAME_CHANNELS_DB = -50.0
_REASON_CODES = {
    "empty": "empty_file",
    "codec": "unknown_format",
    "sampling_rate": "bad_header",
    "channels": "bad_header",
}
_EXACT = {"wav", "wavex", "rf64", "flac", "aiff", "au", "caf", "w64"}


def validate(
    path: str | PathLike[str], *, strict: bool = False, profile: str = "telephone", raw: RawFormat | None = None
) -> Validation:
    """Find out what a file is, whether it is whole, and whether its sound is fit for a verdict.

    Parameters
    ----------
    path
        The recording. Whatever it is, it raises nothing: what is wrong comes back as issues.
    strict
        Make warnings errors.
    profile
        Limits to apply: a name from `list_profiles`, or the path of a TOML file.
    raw
        What the file holds if it has no header.

    Returns
    -------
    Validation

    Raises
    ------
    AudioUsageError
        If the profile is not known or not right.
    """
    limits, name = load_profile(profile), os.fspath(path)
    check = _Check(name, limits, raw, issues=inspect_name(name))
    try:
        check.inspect()
        if not check.is_hopeless:
            check.decode()
    except UnreadableAudioError as error:
        check.report_unreadable(error)
    issues = sort_issues(check.issues, strict=strict)
    best = max(check.channels, key=lambda quality: (quality.speech_seconds, quality.level_dbfs), default=None)
    is_valid = not any(issue.level == "error" for issue in issues)
    return Validation(name, is_valid, issues, check.properties, best, check.channels, limits.name)


@dataclass
class _Check:
    """The steps of one validation, and what they have found so far."""

    path: str
    limits: Profile
    raw: RawFormat | None
    issues: list[Issue]
    properties: Properties | None = None
    channels: tuple[Quality, ...] = ()

    @property
    def is_hopeless(self) -> bool:
        """Whether there is nothing that a decoder could read."""
        codes = {issue.code for issue in self.issues}
        return bool(codes & {"not_audio", "zero_filled", "empty_file", "raw_undeclared", "no_audio"})

    def inspect(self) -> None:
        with open_file(self.path) as file:
            self.issues += inspect_container(file, self.path, self.raw)

    def decode(self) -> None:
        """Decode everything that can be had, compare it with the declaration, and measure it."""
        self.properties = properties = probe(self.path, raw=self.raw)
        if properties.duration is not None and properties.duration > self._allowed_seconds(properties):
            self.issues.append(_declared_too_long(properties.duration, self._allowed_seconds(properties)))
            self._check_file(None)
            return
        measured = _Measurement(properties)
        try:
            for block in read_blocks(
                self.path, block_seconds=BLOCK_SECONDS, raw=self.raw, max_seconds=self._allowed_seconds(properties)
            ):
                measured.add(block)
        except UnreadableAudioError as error:
            self.report_unreadable(error)
        self._compare(properties, measured)
        self.channels = measured.finish()
        self._check_file(measured.frames / properties.sampling_rate)
        self._check_channels(measured)

    def _allowed_seconds(self, properties: Properties) -> float:
        return min(self.limits.max_seconds, MAX_SAMPLES / properties.channels / properties.sampling_rate)

    def report_unreadable(self, error: UnreadableAudioError) -> None:
        """Turn the error into an issue, unless the walk over the container has already said why."""
        reason = str(error.details.get("reason", "corrupt"))
        code = _REASON_CODES.get(reason, reason)
        known = {issue.code for issue in self.issues if issue.level == "error"}
        if code in {"corrupt", "unknown_format"} and known:
            return
        if code not in known:
            message = printable(error.message)
            self.issues.append(Issue("error", code, "file", reason, "decodable audio", message, error.hint))

    def _compare(self, properties: Properties, measured: _Measurement) -> None:
        known = {issue.code for issue in self.issues}
        declared, delivered = properties.frames, measured.frames
        if delivered == 0 and not known & {"data_size_zero", "truncated", "corrupt"}:
            self.issues.append(make_no_audio(0, "The file is a container without any audio."))
        elif declared is not None and not known & {"truncated", "corrupt", "too_long"}:
            # Lossy formats pad to whole frames and estimate their length: a tenth of a second and 2 % are not damage.
            slack = 0 if _is_exact(properties) else 0.1 * properties.sampling_rate + 0.02 * declared
            if declared - delivered > slack:
                self.issues.append(make_truncated("frames", str(delivered), str(declared)))
        if measured.checksum is not None and not known & {"truncated", "corrupt"}:
            self.issues += measured.checksum.compare(self.path)

    def _check_file(self, duration: float | None) -> None:
        properties = self.properties
        assert properties is not None  # noqa: S101  set by decode, the only caller
        self.issues += self.limits.check(
            {
                "sampling_rate": properties.sampling_rate,
                "duration": duration if duration is not None else properties.duration,
                "file_size": properties.file_size,
                "channels": properties.channels,
                "format": properties.format,
            }
        )

    def _check_channels(self, measured: _Measurement) -> None:
        if not self.channels or not measured.frames:
            return
        many = len(self.channels) > 1
        loudest = max(quality.level_dbfs for quality in self.channels)
        if any(quality.nonfinite_share for quality in self.channels):
            self.issues.append(_nonfinite(max(quality.nonfinite_share for quality in self.channels)))
        if max(quality.peak for quality in self.channels) < 1e-4:
            self.issues.append(_silent(loudest))
            return
        most = max(quality.speech_seconds for quality in self.channels)
        for index, quality in enumerate(self.channels):
            prefix = f"channels[{index}]." if many else ""
            if many and quality.level_dbfs < DEAD_CHANNEL_DBFS and quality.level_dbfs < loudest - 20:
                self.issues.append(_dead_channel(index, quality.level_dbfs))
                continue
            found = self.limits.check(_list_measures(quality, self.properties), prefix)
            self.issues += [_excuse(issue, quality.speech_seconds < most) for issue in found]
        self.issues += measured.compare_channels()


def _is_exact(properties: Properties) -> bool:
    """Say whether the number of frames is declared; MP3 has estimates, in a WAV file too."""
    return properties.format in _EXACT and not properties.codec.startswith("mpeg_layer")


class _Measurement:
    """Quality of every channel, and how far the channels are alike."""

    def __init__(self, properties: Properties) -> None:
        rate = properties.sampling_rate
        self.frames, self._channels = 0, properties.channels
        self._meters = [QualityMeter(rate) for _ in range(self._channels)] if rate >= MIN_SAMPLING_RATE else []
        self._power = np.zeros(self._channels)
        self._difference, self._sum = np.zeros(self._channels), np.zeros(self._channels)
        whole = properties.format == "flac" and properties.codec == "pcm_16"
        self.checksum = FlacChecksum() if whole else None

    def add(self, block: NDArray[np.float32]) -> None:
        self.frames += len(block)
        if self.checksum is not None:
            self.checksum.add(block)
        for index, meter in enumerate(self._meters):
            meter.add(np.ascontiguousarray(block[:, index]))
        if self._channels > 1:
            block = np.nan_to_num(block, posinf=0, neginf=0)
            other = np.roll(block, -1, axis=1)
            self._power += np.square(block, dtype=np.float64).sum(axis=0)
            self._difference += np.square(block - other, dtype=np.float64).sum(axis=0)
            self._sum += np.square(block + other, dtype=np.float64).sum(axis=0)

    def finish(self) -> tuple[Quality, ...]:
        return tuple(meter.finish() for meter in self._meters)

    def compare_channels(self) -> list[Issue]:
        """Return an issue for each channel that is the next one again, upright or inverted."""
        pairs = range(self._channels if self._channels > 2 else self._channels - 1)
        least = np.minimum(self._difference, self._sum)
        alike = [index for index in pairs if 0 <= least[index] < self._power[index] * 10 ** (_SAME_CHANNELS_DB / 10)]
        return [_identical(index, (index + 1) % self._channels) for index in alike]


def _list_measures(quality: Quality, properties: Properties | None) -> dict[str, Any]:
    rate = properties.sampling_rate if properties else 0
    return {
        "clipping_ratio": quality.clipping_ratio,
        "dc_offset": abs(quality.dc_offset),
        "level_dbfs": quality.level_dbfs,
        "speech_level_dbfs": quality.speech_level_dbfs,
        "snr_db": quality.snr_db,
        "silence_share": quality.silence_share,
        "speech_seconds": quality.speech_seconds,
        "bandwidth_share": None if quality.bandwidth_hz is None or rate <= 8000 else 2 * quality.bandwidth_hz / rate,
        "zero_run_share": quality.zero_run_share,
        "dropouts_per_minute": None if quality.dropouts < 2 else 60 * quality.dropouts / quality.duration,
        "nonfinite_share": quality.nonfinite_share,
        "peak": quality.peak,
    }


def _excuse(issue: Issue, is_minor: bool) -> Issue:
    """Make an issue mere information where a channel lacks speech and another channel has more of it."""
    if not is_minor or issue.code not in {
        "too_little_speech",
        "mostly_silence",
        "low_snr",
        "low_level",
        "digital_zero_runs",
    }:
        return issue
    return Issue("info", issue.code, issue.field, issue.actual, issue.expected, issue.message, issue.hint)


def _declared_too_long(declared: float, allowed: float) -> Issue:
    message = f"The header declares {declared:.0f} s of audio; at most {allowed:.0f} s are decoded."
    hint = "Split the recording, or look at it as an attack: a small file can declare years."
    return Issue("error", "declared_too_long", "duration", round(declared, 3), round(allowed, 3), message, hint)


def _silent(level: float) -> Issue:
    message = "No channel holds any sound above -80 dBFS."
    return Issue("error", "silent", "peak", round(level, 1), "sound", message, "Check the recorder's connection.")


def _dead_channel(index: int, level: float) -> Issue:
    field, message = (
        f"channels[{index}].level_dbfs",
        f"Channel {index} is silent ({level:.0f} dBFS) while another is not.",
    )
    return Issue(
        "warning", "dead_channel", field, round(level, 1), DEAD_CHANNEL_DBFS, message, "One party was not recorded."
    )


def _nonfinite(share: float) -> Issue:
    message = f"{share:.2%} of the samples are NaN or infinite."
    hint = "The program that wrote the file computed nonsense; ask for the recording before it."
    return Issue("error", "nonfinite_samples", "nonfinite_share", share, 0, message, hint)


def _identical(first: int, second: int) -> Issue:
    message = f"Channels {first} and {second} are the same signal: one recording, not two parties."
    return Issue(
        "warning", "identical_channels", "channels", f"{first} = {second}", "different", message, "Score one of them."
    )
