"""The options of a batch, checked, and what its results depend on; plain, because they travel to workers as JSON."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import audio_batch
import batch_base
from audio_batch.errors import AudioUsageError
from audio_batch.remote import scoring
from audio_batch.remote.scoring import FALLBACKS, SCORERS
from audio_batch.routing import load_policy
from audio_batch.segmentation import parse_channel_roles
from audio_batch.validation import load_profile
from batch_base.hashing import hash_value

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
    """

    model: str | None
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
    model: str | PathLike[str] | None,
    profile: str,
    with_features: bool,
    seconds_per_minute: float = 30.0,
    scorer: str = "local",
    scorer_fallback: str = "local",
) -> Settings:
    """Check the options of a batch, and hash what its results depend on."""
    if not 0 < seconds_per_minute < math.inf:
        raise AudioUsageError(
            f"seconds_per_minute is {seconds_per_minute}; allowed: a positive number of seconds.",
            hint="The default is 30.",
            seconds_per_minute=seconds_per_minute,
        )
    _require_choice("scorer", scorer, SCORERS)
    _require_choice("scorer_fallback", scorer_fallback, FALLBACKS)
    roles = parse_channel_roles(channel_roles) if isinstance(channel_roles, str) else dict(channel_roles or {})
    return Settings(
        model=_text(model),
        profile=profile,
        policy=_text(policy),
        policy_sha256=load_policy(Path(policy) if isinstance(policy, PathLike) else policy).sha256 if policy else None,
        store=_text(store),
        roles=tuple(sorted(roles.items())),
        with_features=with_features,
        checkpoint_dir=checkpoint_dir,
        fingerprint=hash_value({"code": _hash_code(), "model": _hash_model(model), "profile": load_profile(profile)}),
        seconds_per_minute=seconds_per_minute,
        scorer=scorer,
        scorer_fallback=scorer_fallback,
        scorer_url=scoring.open_client().api_url if scorer == "remote" else None,
    )


def _require_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        message = f"{name} is {value!r}; allowed: {', '.join(allowed)}."
        raise AudioUsageError(message, hint=f"The default is {allowed[0]}.", value=value, allowed=list(allowed))


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


def _hash_model(model: str | PathLike[str] | None) -> str | None:
    if model is None:
        return None
    try:
        inside = sorted(path for path in Path(model).rglob("*") if path.is_file())
        files = inside if Path(model).is_dir() else [Path(model)]
        return hash_value({str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    except OSError as error:
        raise AudioUsageError(
            f"The model {os.fspath(model)!r} cannot be read: {error.strerror}.",
            hint="Name a model that `train` wrote, or none for the shipped one.",
            model=os.fspath(model),
        ) from error
