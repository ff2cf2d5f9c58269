"""What a file is by its first bytes, and what its name makes one expect."""

from __future__ import annotations

from audio_batch.decoding.raw_formats import RAW_SUFFIXES, UNDECLARED_SUFFIXES

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (8, b"WAVE", "wav"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"ID3", "mp3"),
    (0, b"#!AMR", "amr"),
    (4, b"ftyp", "m4a"),
    (0, b"FORM", "aiff"),
    (0, b".snd", "au"),
    (0, b"caff", "caf"),
    (0, b"riff\x2e\x91\xcf\x11", "w64"),
    (0, b"NIST_1A", "nist"),
    (0, b"Creative Voice File", "voc"),
    (0, b"\x1a\x45\xdf\xa3", "webm"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"%PDF", "pdf"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\x89PNG", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x7fELF", "program"),
    (0, b"MZ\x90", "program"),
)

AUDIO_FORMATS = frozenset(
    ("wav", "flac", "ogg", "mp3", "amr", "m4a", "aac", "aiff", "au", "caf", "w64", "nist", "voc", "webm", "asf")
)
TEXT_FORMATS = frozenset({"html", "xml", "json", "text"})

SUFFIX_FORMATS = {
    **dict.fromkeys((".wav", ".wave", ".rf64", ".wav16", ".wav49"), "wav"),
    **dict.fromkeys((".ogg", ".oga", ".opus", ".spx"), "ogg"),
    **dict.fromkeys((".aif", ".aiff", ".aifc"), "aiff"),
    **dict.fromkeys((".au", ".snd"), "au"),
    **dict.fromkeys((".m4a", ".mp4", ".3gp", ".3ga"), "m4a"),
    **dict.fromkeys((".amr", ".awb"), "amr"),
    **dict.fromkeys((".webm", ".mka"), "webm"),
    **{f".{name}": name for name in ("flac", "mp3", "caf", "w64", "voc", "aac")},
}
"""Suffixes in lower case that stand for one format, and that format."""
AUDIO_SUFFIXES = frozenset((*SUFFIX_FORMATS, ".nist", ".sph", *UNDECLARED_SUFFIXES, *RAW_SUFFIXES))
"""Suffixes of files that a folder is searched for, in lower case. (NIST headers come under many a suffix, and in
``.sph`` there is often another format.)"""


def identify_format(head: bytes) -> str | None:
    """Name the format of a file from its first bytes.

    Parameters
    ----------
    head
        The first 4096 bytes or fewer.

    Returns
    -------
    str | None
        A short name such as ``wav``, ``flac``, ``html``, ``zip``; None if nothing is recognised. Signatures as in the
        formats' own specifications; MPEG frames by the eleven sync bits of ISO 11172-3, ADTS by twelve and layer 0.
    """
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] != b"WAVE":
        return "riff"
    for offset, magic, name in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return name
    return _identify_mpeg(head) or _identify_text(head)


def _identify_mpeg(head: bytes) -> str | None:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if head[1] & 0xF6 == 0xF0:
        return "aac"
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    return "mp3" if version != 1 and layer != 0 and bit_rate not in (0, 15) and rate != 3 else None


def _identify_text(head: bytes) -> str | None:
    if not head or b"\x00" in head:
        return None
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return None
        text = head[: error.start].decode("utf-8-sig")
    controls = sum(1 for character in text if ord(character) < 32 and character not in "\t\n\r\f\x1b")
    if controls > len(text) // 100:
        return None
    start = text.lstrip()[:200].lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")) or "<html" in start:
        return "html"
    if start.startswith("<"):
        return "xml"
    return "json" if start.startswith(("{", "[")) else "text"
