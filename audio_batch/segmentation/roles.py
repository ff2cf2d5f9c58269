"""Which party speaks on which channel."""

from __future__ import annotations

from audio_batch.errors import AudioUsageError

_NAMED_CHANNELS = {"left": 0, "right": 1, "mono": 0}


def parse_channel_roles(text: str) -> dict[int, str]:
    """Read ``left=agent,right=customer`` into channel indices and roles.

    Parameters
    ----------
    text
        Pairs ``channel=role`` separated by commas. A channel is ``left`` (0), ``right`` (1), ``mono`` (0) or an
        index from 0. A role is any name; ``agent`` and ``customer`` are the ones that the policies know.

    Returns
    -------
    dict of int to str
        Role by channel index; empty for empty text.

    Raises
    ------
    AudioUsageError
        If a pair is malformed, or a channel is unknown or named twice.
    """
    roles: dict[int, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        channel, role = _parse_pair(pair, text)
        if channel in roles:
            raise _refuse(f"channel {channel} has two roles in {text!r}", text)
        roles[channel] = role
    return roles


def _parse_pair(pair: str, text: str) -> tuple[int, str]:
    name, separator, role = (part.strip() for part in pair.partition("="))
    if not separator or not role:
        raise _refuse(f"{pair!r} is not of the form channel=role", text)
    if name.lower() in _NAMED_CHANNELS:
        return _NAMED_CHANNELS[name.lower()], role
    if not (name.isascii() and name.isdecimal()):
        raise _refuse(f"unknown channel {name!r}", text)
    return int(name), role


def _refuse(problem: str, text: str) -> AudioUsageError:
    return AudioUsageError(
        f"Channel roles: {problem}.",
        hint="Channels are left, right, mono or an index from 0, for example left=agent,right=customer.",
        value=text,
        allowed=sorted(_NAMED_CHANNELS),
    )
