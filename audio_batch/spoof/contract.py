"""What a model that is plugged in takes and gives, and the card that says so (``docs/voice-models.md``)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from audio_batch.errors import AudioUsageError
from audio_batch.spoof.model_names import NAME_FORM
from batch_base.suggestions import suggest

OUTPUTS = ("logit", "probability", "logits", "softmax")
"""One number: log-odds, or a probability; or two: before the softmax, or after it."""
NORMALISATIONS = ("none", "peak", "zscore")
PADDINGS = ("repeat", "zero")
TWO_CLASSES = ("logits", "softmax")


@dataclass(frozen=True)
class Contract:
    """What goes into a network, and what its answer means.

    Attributes
    ----------
    sample_rate
        Of its input, in Hz.
    window, hop
        Seconds of one segment, and between the starts of two.
    output
        One of `OUTPUTS`.
    synthetic_index
        Which of two classes is synthetic. Of a single number: 1 if it speaks for synthetic, 0 if for human.
    input, output_name
        Names in the file; None where it has only one.
    normalisation
        What is done to a segment: ``none`` (full scale +-1), ``peak`` (its highest is 1), ``zscore`` (mean 0, variance
        1).
    padding
        What fills a segment that is shorter than the window: ``repeat`` or ``zero``.
    """

    sample_rate: int
    window: float
    hop: float
    output: str
    synthetic_index: int = 1
    input: str | None = None
    output_name: str | None = None
    normalisation: str = "none"
    padding: str = "repeat"

    @property
    def samples(self) -> int:
        """Samples of one segment."""
        return round(self.window * self.sample_rate)


@dataclass(frozen=True)
class Card:
    """Where a model comes from, what it may be used for, and its contract.

    Attributes
    ----------
    name
        Under which verdicts cite it.
    licence, source, trained_on
        Text; empty where nobody said.
    sha256
        Of the file that the card speaks of; empty where nobody said.
    """

    name: str
    contract: Contract
    licence: str = ""
    source: str = ""
    trained_on: str = ""
    sha256: str = ""
    description: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return what a card file would hold: its keys, without those that say nothing."""
        known = {name: value for name, value in asdict(self).items() if name != "contract"}
        return {name: value for name, value in (known | asdict(self.contract)).items() if value not in (None, "")}


def read_card(path: str | Path) -> Card:
    """Read a card: TOML with the keys of `Card` and of `Contract`.

    Raises
    ------
    AudioUsageError
        It cannot be read, a key is missing or not known, or a value is not allowed; names the file and the key.
    """
    place = Path(path)
    try:
        content = tomllib.loads(place.read_text(encoding="utf-8-sig"))
    except OSError as error:
        message = f"The card {str(place)!r} cannot be read: {error.strerror or error}"
        raise AudioUsageError(message, hint="Name the TOML file that describes the model: --card card.toml.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"The card {str(place)!r} is not valid TOML: {error}"
        raise AudioUsageError(message, hint="See docs/voice-models.md for a card to copy.") from error
    return make_card(content, str(place), needed=("name", "licence", "source", "trained_on", "sha256"))


def make_card(content: Mapping[str, Any], place: str, *, needed: tuple[str, ...] = ()) -> Card:
    """Check what a card holds.

    Parameters
    ----------
    content
        Keys and values; ``sample_rate``, ``window`` and ``output`` are always needed.
    place
        Where it stands, for errors.
    needed
        Keys that must be there beside them.

    Raises
    ------
    AudioUsageError
        A key is missing or not known, or a value is not allowed.
    """
    for key in content:
        if key not in _FIELDS:
            hint = suggest(key, _FIELDS, "Remove it, or see docs/voice-models.md.")
            raise AudioUsageError(f"{place}: there is no key {key!r}; allowed: {', '.join(_FIELDS)}.", hint=hint)
    for key in (*needed, "sample_rate", "window", "output"):
        if content.get(key) in (None, ""):
            hint = f"Add {key} = {_FIELDS[key][1]}: {_FIELDS[key][0]}."
            raise AudioUsageError(f"{place}: the key {key} is missing.", hint=hint, key=key)
    values = {key: _check(key, value, place) for key, value in content.items()}
    hop = values.pop("hop", values["window"] / 2)
    if hop > values["window"]:
        message = f"{place}: hop = {hop:g} is longer than the window of {values['window']:g} s."
        raise AudioUsageError(message, hint="What lies between two segments would not be heard.", key="hop")
    about = {name: values.pop(name) for name in (*_TEXTS, "name", "sha256") if name in values}
    return Card(**{"name": "model", **about}, contract=Contract(hop=hop, **values))


def _check(key: str, value: Any, place: str) -> Any:
    allowed, example, convert = _FIELDS[key]
    try:
        return convert(value)
    except (TypeError, ValueError) as error:
        raise AudioUsageError(
            f"{place}: {key} = {str(value)[:80]!r} is not allowed; expected {allowed}.",
            hint=f"Such as {key} = {example}.",
            key=key,
        ) from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > 1000:
        raise ValueError(value)
    return value.strip()


def _matching(value: Any, *, form: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(form, value):
        raise ValueError(value)
    return value


def _number(value: Any, *, lowest: float, highest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise ValueError(value)
    return float(value)


def _whole(value: Any, *, lowest: int, highest: int) -> int:
    if isinstance(value, float):
        raise TypeError(value)
    return int(_number(value, lowest=lowest, highest=highest))


def _choice(value: Any, *, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(value)
    return str(value)


def _hash(value: Any) -> str:
    return _matching(str(value).lower(), form="[0-9a-f]{64}")


_TEXTS = ("licence", "source", "trained_on", "description")
_FIELDS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "name": ("small letters, digits, dots and dashes", '"xlsr-aasist"', partial(_matching, form=NAME_FORM)),
    "licence": ("a text", '"MIT"', _text),
    "source": ("a text", '"https://example.org/models/xlsr-aasist"', _text),
    "trained_on": ("a text", '"ASVspoof 2019 LA, train"', _text),
    "sha256": ("64 hexadecimal digits: sha256sum FILE.onnx prints them", '"9f86d0…"', _hash),
    "description": ("a text", '"what it is good at"', _text),
    "sample_rate": ("Hz, a whole number from 4000 to 96000", "16000", partial(_whole, lowest=4000, highest=96_000)),
    "window": ("seconds from 0.2 to 120", "4.0", partial(_number, lowest=0.2, highest=120.0)),
    "hop": ("seconds from 0.1 to the window", "2.0", partial(_number, lowest=0.1, highest=120.0)),
    "output": (f"one of {', '.join(OUTPUTS)}", '"logits"', partial(_choice, allowed=OUTPUTS)),
    "synthetic_index": ("0 or 1", "1", partial(_whole, lowest=0, highest=1)),
    "input": ("the name of an input of the file", '"waveform"', _text),
    "output_name": ("the name of an output of the file", '"logits"', _text),
    "normalisation": (
        f"one of {', '.join(NORMALISATIONS)}", '"none"', partial(_choice, allowed=NORMALISATIONS)
    ),
    "padding": (f"one of {', '.join(PADDINGS)}", '"repeat"', partial(_choice, allowed=PADDINGS)),
}  # fmt: skip
"""Key of a card to what it may be, an example, and its converter."""
