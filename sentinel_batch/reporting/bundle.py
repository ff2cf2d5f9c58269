"""The scripts that draw charts in a browser, from ``vl-convert-python``: made once for each of its versions."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import vl_convert

from batch_base.files import replaced_file


@cache
def vega_bundle() -> str:
    """Return the scripts, ready to stand in a script element.

    Bundling takes seconds, so the result is kept in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``);
    where that cannot be written, it is made anew. It must not lie in the lake: whoever may write there could otherwise
    put scripts into other people's reports.
    """
    file = _cache_folder() / f"vega-{version('vl-convert-python')}.js"
    with suppress(OSError, UnicodeDecodeError):
        return file.read_text(encoding="utf-8")
    made = _make()
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replaced_file(file) as draft:
            draft.write_text(made, encoding="utf-8", newline="\n")
    return made


def _cache_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(root) / "sentinel-batch"


def _make() -> str:
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;")
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--").strip()
