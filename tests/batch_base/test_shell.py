"""A command in a message names what it says, whatever the name holds: asked of a real shell."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess

import pytest

from batch_base.shell import join_words, quote_word

BASH = shutil.which("bash")
NAMES = [
    b"plain.csv", b"two words.csv", b"it's.csv", b"$(reboot) `x`.csv", b"a\nb.csv", b"\x1b[31mred.csv",
    b"\xe2\x80\xaegnp.csv", b"b\xffa1.csv", b"back\\slash\n'quote.csv", "é 中.csv".encode(), b"-n\t.csv",
    b"\x01\x7f.csv", b"",
]  # fmt: skip


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_shell_reads_the_name_back(name: bytes) -> None:
    word = quote_word(os.fsdecode(name))
    assert word.isprintable()
    done = subprocess.run([str(BASH), "-c", f"printf '%s\\0' {word}"], capture_output=True, check=True)
    assert done.stdout == name + b"\0"


def test_ordinary_words_look_as_ever() -> None:
    words = ["sentinel-batch", "ingest", "in é/a b.csv"]
    assert join_words(words) == shlex.join(words)
