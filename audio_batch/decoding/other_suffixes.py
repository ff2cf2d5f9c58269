"""What a file is that is not read as a recording, and what it would take to read it."""

from __future__ import annotations

_ON_THE_SWITCH = "convert it on the switch: asterisk -rx 'file convert CALL{suffix} CALL.{target}'"
_NO_DECODER = "{codec}, for which no free decoder is at hand; " + _ON_THE_SWITCH
_SWITCH_CODECS = {
    ".siren7": ("G.722.1 (Siren 7)", "wav16"),
    ".siren14": ("G.722.1 Annex C (Siren 14)", "sln32"),
    ".g719": ("G.719", "sln48"),
    ".g723": ("G.723.1 in the switch's own packets", "wav"),
    ".ilbc": ("iLBC without a header", "wav"),
    ".c2": ("Codec 2", "wav"),
}
_KINDS = {
    "another audio format; convert it: ffmpeg -i CALL{suffix} CALL.wav": (
        *(".wma", ".asf", ".mp2", ".mpga", ".ape", ".wv", ".tta", ".ac3", ".dts", ".ra", ".qcp", ".dss", ".mpc"),
        *(".m4b", ".3g2", ".ogx"),
    ),
    "a video; take its sound out: ffmpeg -i CALL{suffix} -vn CALL.wav": (
        ".mkv",
        ".avi",
        ".mov",
        ".wmv",
        ".mpg",
        ".ogv",
    ),
    "video of a call, without sound": (".h261", ".h263", ".h263p", ".h264", ".h265", ".vp8", ".vp9"),
    "a recorder's own format; export the calls as WAV from the recorder": (".nmf", ".aud", ".ds2"),
    "an archive; unpack it into the folder": (*(".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst", ".7z", ".rar"),),
    "encrypted; decrypt it first": (".gpg", ".pgp", ".asc", ".enc", ".aes", ".age"),
    "unfinished, by its name; rename it when it is whole": (".part", ".partial", ".filepart", ".tmp", ".crdownload"),
    "no recording": (
        *(".csv", ".tsv", ".json", ".jsonl", ".xml", ".html", ".txt", ".log", ".md", ".pdf", ".toml", ".ini", ".cfg"),
        *(".xls", ".xlsx", ".parquet", ".db", ".sqlite", ".sha256", ".md5", ".jpg", ".jpeg", ".png", ".gif", ".m3u"),
    ),
}
_NEEDED = {suffix: text for text, suffixes in _KINDS.items() for suffix in suffixes}


def explain_suffix(suffix: str) -> str | None:
    """Say what a file with this suffix is, and what it would take to read it; None if the suffix is not known.

    Parameters
    ----------
    suffix
        In lower case, with its dot.
    """
    if suffix in _SWITCH_CODECS:
        codec, target = _SWITCH_CODECS[suffix]
        return _NO_DECODER.format(codec=codec, suffix=suffix, target=target)
    text = _NEEDED.get(suffix)
    return None if text is None else text.format(suffix=suffix)
