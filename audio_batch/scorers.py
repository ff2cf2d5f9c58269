"""Who scores recordings: a model of this machine, a network that was plugged in, or an API on another machine.

A scorer is said in one way everywhere, in the settings, in Python and to workers: by a word (``local``, ``remote``), or
by a table with its ``kind`` (``docs/voice-models.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from audio_batch.errors import AudioError, AudioUsageError
from audio_batch.remote.scoring import FALLBACKS, SCORERS, open_client, score_remotely
from audio_batch.spoof.contract import make_card
from batch_base.suggestions import suggest

if TYPE_CHECKING:
    from pathlib import Path

    from audio_batch.spoof.comparison import Comparison, ScorerRun
    from audio_batch.spoof.manifest import Clip
    from audio_batch.spoof.model import ModelLike

ScorerLike = str | Mapping[str, Any]
"""``local``, ``remote``, or a table with ``kind``."""
KINDS = {
    "local": ("model",),
    "onnx": (
        "path", "card", "name", "sha256", "licence", "source", "trained_on", "description", "sample_rate", "window",
        "hop", "output", "synthetic_index", "input", "output_name", "normalisation", "padding",
    ),
    "remote": ("url", "fallback"),
}  # fmt: skip
"""Kind of a scorer to the keys that its table may have."""


@dataclass(frozen=True)
class Choice:
    """Who scores.

    Attributes
    ----------
    scorer
        ``local`` or ``remote``.
    fallback
        Who scores what the remote one does not: ``local`` or ``none``.
    model
        Of the local scorer.
    url
        Of the remote scorer; None is what the environment says.
    """

    scorer: str
    fallback: str
    model: ModelLike
    url: str | None = None


def choose_scorer(scorer: ScorerLike = "local", *, fallback: str = "local", model: ModelLike = None) -> Choice:
    """Read who scores.

    Parameters
    ----------
    scorer
        ``local``, ``remote``, or a table: ``{"kind": "local", "model": …}``, ``{"kind": "onnx", "path": …, …}`` with a
        contract, ``{"kind": "remote", "url": …, "fallback": …}``.
    fallback
        Who scores what the remote one does not, unless the table says it.
    model
        Name, folder or specification of the local model, unless the table says it.

    Raises
    ------
    AudioUsageError
        A kind or a key is not known, or a value is not allowed.
    """
    table = {"kind": scorer} if isinstance(scorer, str) else dict(scorer)
    kind = _check_table(table)
    fallback = _require("fallback", table.get("fallback", fallback), FALLBACKS)
    if kind == "remote":
        return Choice("remote", fallback, model, _read_url(table.get("url")))
    if kind == "onnx":
        _check_network(table)
    own = table.get("model") if kind == "local" else {key: _plain(value) for key, value in table.items()} or None
    if own is not None and model is not None:
        message = f"The scorer is of the kind {kind!r} and brings a model, and another is named: {str(model)[:80]!r}."
        raise AudioUsageError(message, hint="Name one of them.")
    return Choice("local", fallback, model if own is None else own)


def _check_table(table: Mapping[str, Any]) -> str:
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        shown = "is missing" if kind is None else f"{str(kind)[:80]!r} is not known"
        hint = suggest(kind, KINDS, f"The default is {SCORERS[0]}.")
        raise AudioUsageError(f"scorer: the kind {shown}; allowed: {', '.join(KINDS)}.", hint=hint, value=str(kind))
    for key in table:
        if key != "kind" and key not in KINDS[kind]:
            allowed = ", ".join(KINDS[kind])
            hint = suggest(key, KINDS[kind], "See docs/voice-models.md.")
            raise AudioUsageError(f"scorer: there is no key {key!r} of kind {kind!r}; allowed: {allowed}.", hint=hint)
    return kind


def _check_network(table: Mapping[str, Any]) -> None:
    """Check what can be checked without opening the network."""
    if not table.get("path"):
        raise AudioUsageError("scorer: the key path is missing.", hint='Add the network: path = "model.onnx".')
    if "card" not in table:
        make_card({key: value for key, value in table.items() if key not in ("kind", "path")}, "scorer")


def _require(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        message = f"scorer_{name} is {value!r}; allowed: {', '.join(allowed)}."
        raise AudioUsageError(message, hint=f"The default is {allowed[0]}.", value=str(value), allowed=list(allowed))
    return str(value)


def _read_url(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith(("http://", "https://")) or "@" in value:
        message = (
            f"scorer: url = {str(value)[:80]!r} is no address." if "@" not in str(value) else "scorer: url has a user."
        )
        raise AudioUsageError(message, hint="Such as https://voice.example; the key is in SONOTHEIA_API_KEY.")
    return value


def _plain(value: Any) -> Any:
    return fspath(value) if isinstance(value, PathLike) else value


def compare_scorers(
    manifest: str | Path | Sequence[Clip],
    scorers: Mapping[str, ScorerLike | ModelLike | Choice] | Sequence[ScorerLike | ModelLike | Choice],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Score labelled recordings with several scorers, and compare them, source by source.

    Parameters
    ----------
    manifest
        CSV with ``path,label[,speaker,attack_family,source]``, a folder with ``human`` and ``synthetic`` in it, or
        clips.
    scorers
        By the name to print, or in order: names and folders of models, None for the default one, ``remote``, tables
        with ``kind``. The first is what the others are compared with.
    progress
        Called with (done, total), recordings times scorers.

    Returns
    -------
    Comparison
        Figures of each on the recordings that all of them scored, and differences with intervals over sources.

    Raises
    ------
    AudioUsageError
        The manifest or a scorer is not usable, or no recording of one of the classes was scored by all.
    ModelError
        A model cannot be read.
    """
    from audio_batch.spoof.comparison import compare_runs
    from audio_batch.spoof.manifest import read_clips

    named = list(scorers.items()) if isinstance(scorers, Mapping) else [(None, one) for one in scorers]
    clips, total = read_clips(manifest), len(named)
    runs = []
    for place, (name, scorer) in enumerate(named):
        tell = None if progress is None else partial(_tell, progress, place, total)
        runs.append(_run(name, _choose(scorer), clips, tell))
    return compare_runs(_name_apart(runs))


def _tell(progress: Callable[[int, int], None], place: int, scorers: int, done: int, clips: int) -> None:
    progress(place * clips + done, scorers * clips)


def _choose(scorer: Any) -> Choice:
    if isinstance(scorer, Choice):
        return scorer
    if isinstance(scorer, Mapping) or scorer in SCORERS:
        return choose_scorer(scorer)
    return Choice("local", "none", scorer)


def _run(
    name: str | None, choice: Choice, clips: Sequence[Clip], progress: Callable[[int, int], None] | None
) -> ScorerRun:
    from audio_batch.spoof import load_model
    from audio_batch.spoof.comparison import ScorerRun
    from audio_batch.spoof.evaluation import score_clips

    if choice.scorer == "remote":
        return _run_remotely(name, choice, clips, progress)
    model = load_model(choice.model)
    scored, failed = score_clips(clips, model, progress)
    return ScorerRun(name or model.cited, scored, tuple(failed), model.thresholds.synthetic, model.sha256)


def _run_remotely(
    name: str | None, choice: Choice, clips: Sequence[Clip], progress: Callable[[int, int], None] | None
) -> ScorerRun:
    """Score recordings at the API; nobody stands in, since his scores would be compared as the API's."""
    from audio_batch.decoding import probe
    from audio_batch.spoof import metrics
    from audio_batch.spoof.comparison import ScorerRun
    from audio_batch.spoof.figures import ScoredClip

    open_client(choice.url)
    scored, failed = [], []
    for number, clip in enumerate(clips, start=1):
        try:
            known = probe(clip.path)
            facts: dict[str, Any] = {"sha256": known.sha256, "duration": known.duration or 0.0, "url": choice.url}
            verdict = score_remotely(clip.path, metadata={}, otherwise=None, **facts).verdict
            scored.append(ScoredClip(clip, verdict, float(metrics.log_odds(verdict.score or 0.0))))
        except AudioError as error:
            failed.append((clip.path, error.message))
        if progress is not None:
            progress(number, len(clips))
    versions = sorted({one.verdict.model_version for one in scored}) or ["remote"]
    return ScorerRun(name or f"remote: {', '.join(versions)}", scored, tuple(failed))


def _name_apart(runs: Sequence[ScorerRun]) -> list[ScorerRun]:
    """Refuse two lines that nobody could tell apart."""
    names = [run.name for run in runs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise AudioUsageError(f"Two of the scorers are called {twice!r}.", hint="Name each scorer once.", value=twice)
    return list(runs)
