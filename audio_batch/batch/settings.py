"""The options of a batch, checked, and what its results depend on; plain, because they travel to workers as JSON."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import audio_batch
import batch_base
from audio_batch.errors import AudioUsageError, ModelError
from audio_batch.remote import scoring
from audio_batch.routing import load_policy
from audio_batch.scorers import ScorerLike, choose_scorer
from audio_batch.segmentation import parse_channel_roles
from audio_batch.validation import load_profile
from batch_base.hashing import hash_value

if TYPE_CHECKING:
    from audio_batch.spoof.model import ModelLike

_CODE_SUFFIXES = {".py", ".toml", ".json", ".npz", ".onnx"}


@dataclass(frozen=True)
class Settings:
    """What is the same for all recordings of a batch.

    Attributes
    ----------
    fingerprint
        Hash of the model, the code and the feature set.
    seconds_per_minute
        Wall time that a worker may take per minute of audio.
    scorer
        ``local`` or ``remote``.
    scorer_fallback
        ``local`` scores here what the remote scorer does not; ``none`` leaves it without a verdict.
    scorer_url
        Where the remote scorer is; None for the local one.
    model
        Name or folder of the local scorer's model, or the specification of a network; None is the default.
    """

    model: str | dict[str, Any] | None
    profile: str
    policy: str | None
    policy_sha256: str | None
    store: str | None
    roles: tuple[tuple[int, str], ...]
    with_features: bool
    checkpoint_dir: str | None
    fingerprint: str
    seconds_per_minute: float = 30.0
    scorer: str = "local"
    scorer_fallback: str = "local"
    scorer_url: str | None = None

    @property
    def falls_back(self) -> bool:
        """Whether the local scorer stands in for the remote one."""
        return self.scorer_fallback == "local"

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Settings:
        """Make settings from their JSON form."""
        roles = tuple((int(channel), str(role)) for channel, role in document["roles"])
        return cls(**(document | {"roles": roles}))

    def find_channel(self, role: str) -> int | None:
        """Return the first channel that carries the role, or None."""
        return next((channel for channel, name in self.roles if name == role), None)


def make_settings(
    *,
    store: str | PathLike[str] | None,
    policy: str | PathLike[str] | None,
    checkpoint_dir: str | None,
    channel_roles: Mapping[int, str] | str | None,
    model: ModelLike,
    profile: str,
    with_features: bool,
    seconds_per_minute: float = 30.0,
    scorer: ScorerLike = "local",
    scorer_fallback: str = "local",
) -> Settings:
    """Check the options of a batch, and hash what its results depend on."""
    if not 0 < seconds_per_minute < math.inf:
        raise AudioUsageError(
            f"seconds_per_minute is {seconds_per_minute}; allowed: a positive number of seconds.",
            hint="The default is 30.",
            seconds_per_minute=seconds_per_minute,
        )
    choice = choose_scorer(scorer, fallback=scorer_fallback, model=model)
    roles = parse_channel_roles(channel_roles) if isinstance(channel_roles, str) else dict(channel_roles or {})
    return Settings(
        model=_describe_model(choice.model),
        profile=profile,
        policy=_text(policy),
        policy_sha256=load_policy(Path(policy) if isinstance(policy, PathLike) else policy).sha256 if policy else None,
        store=_text(store),
        roles=tuple(sorted(roles.items())),
        with_features=with_features,
        checkpoint_dir=checkpoint_dir,
        fingerprint=hash_value(
            {"code": _hash_code(), "model": _hash_model(choice.model), "profile": load_profile(profile)}
        ),
        seconds_per_minute=seconds_per_minute,
        scorer=choice.scorer,
        scorer_fallback=choice.fallback,
        scorer_url=scoring.open_client(choice.url).api_url if choice.scorer == "remote" else None,
    )


def separate(settings: Settings, directory: str | PathLike[str]) -> Settings:
    """Give the batch a subfolder of its own, in which results of a newer model, policy or code replace the old ones."""
    if settings.checkpoint_dir is None:
        return settings
    asked = asdict(replace(settings, fingerprint="", policy_sha256=None, seconds_per_minute=0))
    batch = hash_value(asked | {"directory": str(Path(directory).resolve())})
    return replace(settings, checkpoint_dir=str(Path(settings.checkpoint_dir) / batch[:16]))


def _text(path: str | PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


def _hash_code() -> str:
    """Hash the packages, with the shipped model and profiles: results of other code are not taken over."""
    digest = hashlib.sha256()
    for package in (Path(audio_batch.__file__).parent, Path(batch_base.__file__).parent):
        for path in sorted(package.rglob("*")):
            if path.suffix in _CODE_SUFFIXES and path.is_file():
                digest.update(path.relative_to(package.parent).as_posix().encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _describe_model(model: ModelLike) -> str | dict[str, Any] | None:
    """Return a model as workers are told of it; paths are whole, since a worker need not be in the same folder."""
    if isinstance(model, Mapping):
        places = {key: str(Path(model[key]).resolve()) for key in ("path", "card") if isinstance(model.get(key), str)}
        return {**model, **places}
    return None if model is None else os.fspath(model)  # type: ignore[arg-type]


def _hash_model(model: ModelLike) -> str | None:
    """Hash a model; a network that was plugged in and does not keep its contract ends the batch here."""
    if model is None:
        return None
    from audio_batch.spoof import model as models  # late: this process only waits for its workers

    try:
        if isinstance(model, Mapping | models.Model) or models.is_plugged(model):
            return models.load_model(model).cited
        place = Path(model) if Path(model).exists() else models.find_folder(model)
        inside = sorted(path for path in place.rglob("*") if path.is_file())
        files = inside if place.is_dir() else [place]
        return hash_value({str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    except ModelError as error:
        raise AudioUsageError(
            f"The model {str(model)[:200]!r} cannot be read: {error.message}", hint=error.hint, **error.details
        ) from error
    except OSError as error:
        raise AudioUsageError(
            f"The model {str(model)[:200]!r} cannot be read: {error.strerror}.",
            hint="Name a model that `train` wrote, or none for the shipped one.",
            model=str(model),
        ) from error
    finally:
        models.forget_models()  # Workers open it themselves.
