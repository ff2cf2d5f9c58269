"""A trained model of callers: one JSON document, read without running anything that it holds."""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentinel_batch.errors import ModelError
from sentinel_batch.learning.figures import FEATURE_NAMES, FEATURE_SET
from sentinel_batch.learning.probability import Calibration

if TYPE_CHECKING:
    import xgboost
    from numpy.typing import NDArray

FORMAT = 1
"""Version of the document."""

MOST_WINDOW_DAYS = 366
MOST_SEED = 2**31 - 1
"""What the trees' library takes as a seed."""

MODEL_FILE = "model.json"
CARD_FILE = "CARD.md"

SHIPPED = Path(__file__).parent / "models"
"""Folder of the models that come with the package, one folder each."""


@dataclass(frozen=True)
class Model:
    """Boosted trees over the figures of :mod:`sentinel_batch.learning.features`, calibrated.

    Parameters
    ----------
    booster
        The trees, in xgboost's JSON form.
    calibration
        From the trees' score to a probability.
    window_days
        Trailing days that a number is described by.
    threshold
        Probability from which a number is queued that no rule found.
    feature_set, features
        What the trees take, in order.
    training
        Where the examples came from, how they were split, how many there were, settings and seed.
    figures
        What was measured on held-out examples.
    reference
        How the figures of the callers that it learned from are distributed, as
        :func:`sentinel_batch.learning.reference.take_reference` returns it.
    """

    booster: dict[str, Any] = field(repr=False)
    calibration: Calibration
    window_days: int
    threshold: float
    feature_set: str = FEATURE_SET
    features: tuple[str, ...] = FEATURE_NAMES
    training: dict[str, Any] = field(default_factory=dict, repr=False)
    figures: dict[str, Any] = field(default_factory=dict, repr=False)
    reference: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def version(self) -> str:
        """Twelve digits that name the model: a hash of everything that its scores depend on."""
        facts = {name: value for name, value in self._document().items() if name not in ("training", "figures")}
        return hashlib.sha256(_dump(facts).encode()).hexdigest()[:12]

    def score(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the trees' scores for figures of shape (rows, features), NaN allowed."""
        return np.asarray(self._trees.inplace_predict(values, predict_type="margin"), dtype=np.float64)

    def attribute(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the part of each figure in the log-odds (TreeSHAP), shape (rows, features)."""
        import xgboost  # Late: it takes longer to load than a queue without a model takes to make.

        if not len(values):  # Of no rows, xgboost returns an array of one dimension.
            return np.empty((0, len(self.features)))
        parts = self._trees.predict(xgboost.DMatrix(values), pred_contribs=True)
        return np.asarray(parts[:, :-1], dtype=np.float64) * self.calibration.slope

    def save(self, folder: str | Path) -> Path:
        """Write ``model.json`` and its card ``CARD.md`` into a folder, made if need be; return the folder.

        Raises
        ------
        ModelError
            If the folder cannot be written.
        """
        from sentinel_batch.learning.card import write_card

        target = Path(folder)
        try:
            target.mkdir(parents=True, exist_ok=True)
            (target / MODEL_FILE).write_text(
                _dump(self._document() | {"version": self.version}) + "\n", encoding="utf-8"
            )
            (target / CARD_FILE).write_text(write_card(self), encoding="utf-8")
        except OSError as error:
            raise ModelError(
                f"The model cannot be written to {target}: {error.strerror}.", hint="Name a folder that can be written."
            ) from error
        return target

    @cached_property
    def _trees(self) -> xgboost.Booster:
        return load_booster(self.booster)

    def _document(self) -> dict[str, Any]:
        plain = {name: value for name, value in vars(self).items() if name in self.__dataclass_fields__}
        return {"format": FORMAT, **plain, "calibration": asdict(self.calibration), "features": list(self.features)}


def open_model(source: Model | str | Path) -> Model:
    """Return a model: itself, that of a folder or file, or the shipped one of that name.

    Parameters
    ----------
    source
        The model, its folder or file, or the name of a shipped one.

    Raises
    ------
    ModelError
        If there is none, it is damaged, or it needs other figures than this version computes.
    """
    if isinstance(source, Model):
        return source
    path = _find(source)
    try:
        return _read(json.loads(path.read_text(encoding="utf-8")), path)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ModelError(
            f"{path} cannot be read as a model: {error}",
            hint="Train it again: sentinel-batch model train.",
            file=str(path),
        ) from error


def list_shipped() -> list[str]:
    """Return the names of the models that come with the package."""
    return sorted(folder.parent.name for folder in SHIPPED.glob(f"*/{MODEL_FILE}"))


def dump_booster(booster: xgboost.Booster) -> dict[str, Any]:
    """Return the trees in xgboost's JSON form."""
    found: dict[str, Any] = json.loads(bytes(booster.save_raw("json")))
    return found


def load_booster(document: dict[str, Any]) -> xgboost.Booster:
    """Return the trees of a JSON document; they run in one thread, for equal results everywhere.

    Raises
    ------
    ModelError
        If it holds no trees, or trees over another number of figures.
    """
    import xgboost

    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(json.dumps(document).encode()))
        count = booster.num_features()
    except (xgboost.core.XGBoostError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise ModelError(f"The model's trees are damaged: {first}", hint="Train the model again.") from error
    if count != len(FEATURE_NAMES):
        raise ModelError(
            f"The model's trees take {count} figures; {len(FEATURE_NAMES)} are computed.", hint="Train the model again."
        )
    booster.set_param({"nthread": 1})
    return booster


def _find(source: str | Path) -> Path:
    named = Path(source)
    for path in (named / MODEL_FILE, named, SHIPPED / named.name / MODEL_FILE):
        with suppress(OSError):
            if path.is_file():
                return path
    shipped = ", ".join(list_shipped()) or "none"
    raise ModelError(
        f"There is no model at {str(source)!r}.",
        hint=f"Name a folder that model train wrote, or a shipped model ({shipped}).",
        model=str(source),
    )


def _read(document: Any, path: Path) -> Model:
    found = document if isinstance(document, dict) else {}
    if found.get("format") != FORMAT:
        raise ModelError(
            f"{path} has format {found.get('format')!r}; this version reads format {FORMAT}.",
            hint="Train the model again: sentinel-batch model train.",
            file=str(path),
        )
    if found.get("feature_set") != FEATURE_SET or found.get("features") != list(FEATURE_NAMES):
        raise ModelError(
            f"{path} was trained with feature set {found.get('feature_set')!r}; this version computes {FEATURE_SET!r}.",
            hint="Train the model again: sentinel-batch model train.",
            file=str(path),
        )
    try:
        return _checked(
            booster=dict(found["booster"]),
            calibration=Calibration(**{name: float(value) for name, value in found["calibration"].items()}),
            window_days=int(found["window_days"]),
            threshold=float(found["threshold"]),
            training=dict(found["training"]),
            figures=dict(found["figures"]),
            reference=dict(found.get("reference", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} is damaged: {error!r}.", hint="Train the model again.", file=str(path)) from error


def check_settings(window_days: int, threshold: float, seed: int = 0) -> None:
    """Refuse settings that no model can have.

    Raises
    ------
    ModelError
        If there is no such window, threshold or seed.
    """
    for name, value, most in (
        ("window_days", window_days, MOST_WINDOW_DAYS), ("threshold", threshold, 1), ("seed", seed, MOST_SEED)
    ):  # fmt: skip
        least = 1 if name == "window_days" else 0
        if not least <= value <= most:
            raise ModelError(
                f"{name} = {value} is not allowed.", hint=f"Allowed: {least} to {most}.", name=name, value=str(value)
            )


def _checked(**facts: Any) -> Model:
    found = Model(**facts)
    check_settings(found.window_days, found.threshold)
    if not all(math.isfinite(value) for value in asdict(found.calibration).values()):
        raise ValueError(f"calibration = {asdict(found.calibration)}")
    return found


def _dump(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
