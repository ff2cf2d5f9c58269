"""What is asked of a batch, and of each recording in it; plain types, because it travels to workers as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """What is the same for all recordings of a batch.

    Attributes
    ----------
    fingerprint
        Hash of the model, the code and the feature set.
    seconds_per_minute
        Wall time that a worker may take per minute of audio.
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

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Settings:
        """Make settings from their JSON form."""
        roles = tuple((int(channel), str(role)) for channel, role in document["roles"])
        return cls(**(document | {"roles": roles}))

    def find_channel(self, role: str) -> int | None:
        """Return the first channel that carries the role, or None."""
        return next((channel for channel, name in self.roles if name == role), None)


@dataclass(frozen=True)
class Task:
    """One recording to analyse.

    Attributes
    ----------
    path, name
        Where it is, and what it is called in the tables.
    size
        Bytes.
    context
        What the manifest knows of the call.
    problem
        Why it is not opened, or None.
    """

    path: str
    name: str
    size: int
    context: dict[str, Any]
    problem: str | None = None

    @property
    def call_id(self) -> str | None:
        """The call that the recording belongs to, as text."""
        return self._get_text("call_id")

    @property
    def enrollment_id(self) -> str | None:
        """The voice that the recording should carry."""
        return self._get_text("enrollment_id")

    def _get_text(self, field: str) -> str | None:
        value = self.context.get(field)
        return None if value is None or value == "" else str(value)
