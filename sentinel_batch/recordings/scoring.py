"""Who scores recordings here: what is asked for, else what the settings say; added models go by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from audio_batch.scorers import Choice, ScorerLike, choose_scorer
from audio_batch.spoof.model_names import find_added
from sentinel_batch.config import Config

VOICE_MODELS = "voice-models"
"""Folder beside the lake's tables that keeps models of voices unless another is named."""
_LOCAL_KINDS = ("local", "onnx")


def settle_scorer(
    config: Config,
    *,
    scorer: ScorerLike | None = None,
    fallback: str | None = None,
    model: str | Path | Mapping[str, Any] | None = None,
) -> Choice:
    """Return who scores.

    Parameters
    ----------
    config
        Settings; ``audio_scorer`` and ``audio_fallback`` count where nothing else is said.
    scorer
        ``local``, ``remote``, a table with ``kind``, or None. A word takes the settings' table if that is of its kind.
    fallback
        Who scores what the remote scorer does not.
    model
        Of the local scorer; it wins over the settings' table.

    Raises
    ------
    AudioUsageError
        What is said is not allowed.
    """
    wanted = _choose(config.audio_scorer, scorer)
    if model is not None and not isinstance(scorer, Mapping) and _kind(wanted) in _LOCAL_KINDS:
        wanted = "local"
    choice = choose_scorer(wanted, fallback=fallback or config.audio_fallback, model=model)
    choice = choice if fallback is None else replace(choice, fallback=fallback)
    added = find_added(choice.model, find_models(config)) if isinstance(choice.model, str) else None
    return choice if added is None else replace(choice, model=str(added))


def find_models(config: Config) -> Path | None:
    """Return the folder of added models beside the lake, None for a lake in object storage."""
    return None if isinstance(config.lake, str) else config.lake / VOICE_MODELS


def _choose(setting: ScorerLike, scorer: ScorerLike | None) -> ScorerLike:
    if scorer is None:
        return setting
    here = _kind(setting) in _LOCAL_KINDS
    return setting if (scorer == "local" and here) or (scorer == "remote" and not here) else scorer


def _kind(scorer: ScorerLike) -> str:
    return scorer if isinstance(scorer, str) else str(scorer.get("kind"))
