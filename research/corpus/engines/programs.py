"""Running the synthesis programs that Debian packages, and asking which version is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from audio_batch.errors import AudioUsageError


def require_program(name: str, package: str) -> str:
    """Return the path of a program.

    Raises
    ------
    AudioUsageError
        The program is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise AudioUsageError(f"the program {name!r} is not installed", hint=f"install the Debian package {package}")
    return path


def get_debian_version(package: str) -> str:
    """Return the installed version of a Debian package, or ``unknown``."""
    asked = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", package], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "unknown"


def get_python_version(package: str) -> str:
    """Return the installed version of a Python distribution, or ``unknown``."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def speak_to_wave(
    command: Sequence[str], text: bytes = b"", *, timeout: float = 120.0
) -> tuple[np.ndarray, int] | None:
    """Run a synthesis program that writes a WAV file and read that file.

    Parameters
    ----------
    command
        Program and arguments; ``{wave}`` stands for the file to write.
    text
        What the program reads on its standard input.
    timeout
        Seconds after which the program is ended.

    Returns
    -------
    tuple of numpy.ndarray and int, or None
        Mono float32 signal and its rate in Hz; nothing if the program failed on this text.
    """
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "speech.wav"
        arguments = [argument.replace("{wave}", str(wave)) for argument in command]
        try:
            subprocess.run(arguments, input=text, capture_output=True, timeout=timeout, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return None
        return read_mono(wave)


def open_network(model: str | bytes) -> Any:
    """Return an onnxruntime session that keeps to one thread and does not spin while it waits."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def read_mono(path: Path) -> tuple[np.ndarray, int] | None:
    """Return the first channel of a sound file as float32, with its rate in Hz; nothing if it cannot be read."""
    import soundfile

    try:
        signal, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError:
        return None
    return signal[:, 0], int(rate)
