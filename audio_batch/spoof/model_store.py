"""A folder of models that were added: each under its name, checked before it is there, whole or not at all."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from audio_batch.errors import AudioUsageError
from audio_batch.spoof.model import RATES, Model, find_folder, list_shipped, load_model, write_model
from audio_batch.spoof.model_names import NAME_FORM, find_added
from audio_batch.spoof.plugged import ONNX, hash_edition
from audio_batch.spoof.segment_scorer import SEGMENT_SECONDS
from batch_base.shell import quote_word


@dataclass(frozen=True)
class AddedModel:
    """What is known of an added model without opening its network.

    Attributes
    ----------
    name
        Under which ``--model`` finds it.
    version
        As verdicts cite it.
    sha256
        Of the network's file; empty for a model that was trained here.
    card
        Keys and values of its card. Of a model over statistics only ``sample_rate``, ``window`` and, where its
        ``MODEL_CARD.md`` states one, ``licence``.
    calibrated
        Whether its scores are likelihood ratios; as long as they are not, every label is withheld.
    humans, synthetics
        Recordings that it was calibrated on.
    problem
        Why it cannot be read, or None.
    """

    name: str
    path: str
    version: str = ""
    sha256: str = ""
    card: Mapping[str, Any] | None = None
    calibrated: bool = False
    humans: int = 0
    synthetics: int = 0
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return {**asdict(self), "card": dict(self.card or {})}


def add_model(
    source: str | PathLike[str],
    *,
    store: str | PathLike[str],
    card: str | PathLike[str] | None = None,
    name: str | None = None,
    replaces: bool = False,
) -> AddedModel:
    """Check a model and copy it into a folder of models.

    Parameters
    ----------
    source
        Network in ONNX form, or the folder of a model that `train_model` or `calibrate_model` wrote.
    store
        Folder of models; made if there is none.
    card
        TOML that describes the network; a folder has its own.
    name
        Under which it is found; None takes the card's, or the folder's.
    replaces
        Whether a model of that name may be there already.

    Raises
    ------
    AudioUsageError
        The card or the name is missing or not allowed, or there is a model of that name.
    ModelError
        The network cannot be read, is not the card's, or does not keep its contract.
    """
    model = _open(Path(source), card)
    called = _check_name(name or model.version)
    place = Path(store) / called
    if place.exists() and not replaces:
        hint = f"Replace it with --replace, or add it under another name: --name {quote_word(called)}-2"
        raise AudioUsageError(f"There is a model {called!r} in {fspath(store)!r} already.", hint=hint, value=called)
    _write(place, replace(model, version=called))
    return describe_model(called, store=store)


def list_models(store: str | PathLike[str]) -> list[AddedModel]:
    """Return what was added to a folder of models, by name; one that is damaged says so.

    Parameters
    ----------
    store
        Folder of models; one that is not there holds none.
    """
    place = Path(store)
    folders = sorted(path for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
    return [_describe(path) for path in folders if re.fullmatch(NAME_FORM, path.name)]


def list_shipped_models() -> list[AddedModel]:
    """Return what is known of the models that come with the package, by name."""
    return [_describe(find_folder(name)) for name in list_shipped()]


def describe_model(name: str, *, store: str | PathLike[str]) -> AddedModel:
    """Return what is known of one model.

    Parameters
    ----------
    name
        Under which it was added.
    store
        Folder of models.

    Raises
    ------
    AudioUsageError
        There is none of that name.
    """
    return _describe(_find(name, store))


def remove_model(name: str, *, store: str | PathLike[str]) -> AddedModel:
    """Delete a model for good, and return what was known of it.

    Parameters
    ----------
    name
        Under which it was added.
    store
        Folder of models.

    Raises
    ------
    AudioUsageError
        There is none of that name, or it cannot be deleted.
    """
    place = _find(name, store)
    known = _describe(place)
    try:
        shutil.rmtree(_set_aside(place))
    except OSError as error:
        message = f"The model {name!r} cannot be deleted: {error.strerror or error}"
        raise AudioUsageError(message, hint="Check the permissions of the folder of models.", value=name) from error
    return known


def _open(source: Path, card: str | PathLike[str] | None) -> Model:
    if source.is_dir():
        if card is not None:
            hint = f"Leave --card out, or name the file: {quote_word(str(source / 'model.onnx'))}"
            raise AudioUsageError(f"{str(source)!r} is the folder of a model, which has its card inside.", hint=hint)
        return load_model(source)
    if card is None:
        hint = "Describe it in a card: --card card.toml; docs/voice-models.md has one to copy."
        raise AudioUsageError(f"{str(source)!r} comes without a card.", hint=hint, value=str(source))
    return load_model({"kind": ONNX, "path": source, "card": card})


def _check_name(name: str) -> str:
    if not re.fullmatch(NAME_FORM, name):
        raise AudioUsageError(
            f"{name[:80]!r} is no name of a model; allowed: small letters, digits, dots and dashes, at most 64.",
            hint="Name it with --name, such as --name xlsr-aasist.",
            value=name,
        )
    if name in list_shipped():
        hint = f"Name it with --name, such as --name {name}-mine."
        raise AudioUsageError(f"{name!r} is the name of a shipped model.", hint=hint, value=name)
    return name


def _write(place: Path, model: Model) -> None:
    """Write a model beside its place first: who reads the store never sees half of one."""
    draft = _name_aside(place)
    try:
        write_model(draft, model)
        if place.exists():
            shutil.rmtree(_set_aside(place))
        draft.rename(place)
    except OSError as error:
        message = f"The model cannot be written to {str(place)!r}: {error.strerror or error}."
        raise AudioUsageError(message, hint="Name another folder of models with --models DIR.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _set_aside(place: Path) -> Path:
    """Give a model that goes a name that nobody looks for, at once."""
    return place.rename(_name_aside(place))


def _name_aside(place: Path) -> Path:
    return place.with_name(f".{place.name}-{secrets.token_hex(6)}")


def _find(name: str, store: str | PathLike[str]) -> Path:
    place = find_added(name, store)
    if place is None:
        known = ", ".join(one.name for one in list_models(store)) or "none"
        raise AudioUsageError(
            f"There is no model {name[:80]!r} in {fspath(store)!r}; there are: {known}.",
            hint="List them: sentinel-batch audio models list",
            value=name,
        )
    return place


def _describe(folder: Path) -> AddedModel:
    about = AddedModel(folder.name, str(folder))
    try:
        document = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        scorers = list(document["channels"].values())
        plugged = next((stored for stored in scorers if stored.get("kind") == ONNX), None)
        if plugged is None:
            card = _read_own_card(folder, document)
            return replace(about, version=document["version"], card=card, calibrated=True)
        humans, synthetics = plugged["fitted_on"]
        return replace(
            about,
            version=f"{document['version']}@{hash_edition(document['thresholds'], scorers)}",
            sha256=plugged["card"]["sha256"],
            card=plugged["card"],
            calibrated=plugged["calibration"] is not None,
            humans=humans,
            synthetics=synthetics,
        )
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        return replace(about, problem=f"model.json is missing or damaged: {type(error).__name__}: {error}")


def _read_own_card(folder: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model over statistics says of itself, under the names that the card of a network has."""
    facts = {
        "sample_rate": max(RATES[name] for name in document["channels"]),
        "window": document.get("segments", {}).get("seconds", SEGMENT_SECONDS),
    }
    place = folder / "MODEL_CARD.md"
    text = place.read_text(encoding="utf-8") if place.is_file() else ""
    stated = re.search(r"^- \*\*Licence\.\*\* ([\w.+-]*\w)", text, re.MULTILINE)
    return facts | ({"licence": stated[1]} if stated else {})
