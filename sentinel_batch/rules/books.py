"""Books of rules: the shipped one, folders of the user's, and packs, which are folders that say what they are.

A pack has a ``pack.toml`` with ``name``, ``version``, ``licence``, ``description``, and perhaps ``needs``, the oldest
version of Sentinel Batch that its rules work with. Folders below a book are families of rules; ``steps`` and
``reference`` hold no rules.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch_base.suggestions import suggest
from sentinel_batch.errors import ConfigurationError, RuleError
from sentinel_batch.rules.header import read_header
from sentinel_batch.rules.lists import ReferenceList
from sentinel_batch.rules.rule import SHIPPED, Rule

SHIPPED_FOLDER = Path(__file__).parent.parent / "rulebook"
PACK_FILE = "pack.toml"
SUFFIXES = (".toml", ".sql", ".cases.yml")
"""Endings of the three files of a rule."""

_PACK_KEYS = ("name", "version", "licence", "description", "needs")
STEPS = "steps"
"""Folder of a book's own steps."""

_NO_RULES = (STEPS, "reference")
_ID = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class Book:
    """A folder of rules.

    Parameters
    ----------
    name
        That of its pack file, else of its folder; ``shipped`` for the book of this package.
    folder
        Where it is.
    version, licence, description
        As its pack file says; empty for a folder without one.
    """

    name: str
    folder: Path
    version: str = ""
    licence: str = ""
    description: str = ""

    @property
    def own_steps(self) -> Path | None:
        """Folder of steps of its own, if it has one."""
        folder = self.folder / STEPS
        return folder if folder.is_dir() and not self.is_shipped else None

    @property
    def is_shipped(self) -> bool:
        """Whether it is the book of this package."""
        return self.folder == SHIPPED_FOLDER

    def find_rules(self) -> Iterator[Path]:
        """Yield the TOML file of every rule, whether it is there or not, by path."""
        yield from sorted(_find_rules(self.folder))

    def label(self, path: Path) -> str:
        """Return what a file of the book is called in messages, without its suffix."""
        named = path.relative_to(self.folder) if self.is_shipped else path
        return named.with_suffix("").as_posix()


def open_book(folder: Path) -> Book:
    """Return the book in a folder.

    Raises
    ------
    ConfigurationError
        If there is no such folder, or its pack file is not as described, or needs a newer version.
    """
    if folder.resolve() == SHIPPED_FOLDER.resolve():
        return Book(SHIPPED, **_read_pack(SHIPPED_FOLDER / PACK_FILE, drop="name"))
    if not folder.is_dir():
        raise ConfigurationError(
            f"There is no folder of rules {folder}.", hint="Name a folder, a pack, or shipped.", folder=str(folder)
        )
    file = folder / PACK_FILE
    if folder.resolve().name == SHIPPED and not file.is_file():
        raise ConfigurationError(
            f"{folder}: a folder of rules cannot be called {SHIPPED!r}.", hint="Give it another name."
        )
    return Book(**_read_pack(file)) if file.is_file() else Book(folder.resolve().name, folder)


def find_book(name: str, packs: Path | None = None) -> Book:
    """Return the book of that name: ``shipped``, a folder's path, or a pack below the folder of packs.

    Parameters
    ----------
    name
        What the configuration says.
    packs
        Folder in which packs are looked up by their names, if there is one.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    if name == SHIPPED:
        return open_book(SHIPPED_FOLDER)
    if "/" in name or "\\" in name or name in (".", ".."):
        return open_book(Path(name))
    found = {book.name: book for book in _list_packs(packs)} if packs is not None else {}
    if name not in found:
        known = [SHIPPED, *found]
        where = f"in {packs}" if packs is not None else "because no folder of packs is set"
        hint = suggest(name, known, f"Known: {', '.join(known)}. A folder is named by a path: ./{name}")
        raise ConfigurationError(f"There is no pack of rules {name!r} {where}.", hint=hint, name=name)
    return found[name]


def find_pack(folder: Path) -> Book:
    """Return the book that a folder belongs to: the pack in it or in the folder above it, else the folder itself.

    Raises
    ------
    ConfigurationError
        If there is a pack file that is not as described.
    """
    if not (folder / PACK_FILE).is_file() and (folder.resolve().parent / PACK_FILE).is_file():
        return open_book(folder.parent if folder.name not in ("", "..") else folder.resolve().parent)
    return open_book(folder) if folder.is_dir() else Book(folder.name, folder)


def read_rule(path: Path, book: Book) -> Rule:
    """Read the header of one rule of a book.

    Parameters
    ----------
    path
        Its TOML file.
    book
        The book.

    Raises
    ------
    RuleError
        If the file cannot be read, or is not as described.
    """
    label = book.label(path)
    if not _ID.fullmatch(path.stem):
        raise RuleError(
            f"{label}.sql: the name of a rule's file is its id, in capitals.",
            hint=f"Call it {re.sub(r'[^A-Z0-9_]', '_', path.stem.upper())}.sql.",
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        hint = f"Write the rule's header into {path.name}, beside its SQL; sentinel-batch rules new shows how."
        raise RuleError(f"{label}.toml: the rule cannot be read: {error}", hint=hint) from error
    rule = read_header(text, path, label, book.name, book.own_steps)
    for entry in rule.lists.values():
        _check_list_file(rule, entry, book)
    return rule


def _check_list_file(rule: Rule, entry: ReferenceList, book: Book) -> None:
    """Raise for a list whose file lies outside the book: a rule from elsewhere must not read what it likes."""
    if entry.file is None or (rule.path.parent / entry.file).resolve().is_relative_to(book.folder.resolve()):
        return
    raise RuleError(
        f"{rule.header_file}:{rule.find_line('file', f'lists.{entry.name}')}: the file {entry.file} of list "
        f"{entry.name} lies outside the folder {book.folder} of the rule's book.",
        hint="Put it into that folder; a file elsewhere is named in the configuration, by whoever runs the rule.",
    )


def _find_rules(folder: Path) -> set[Path]:
    found = set()
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts[:-1]
        if any(part in _NO_RULES or part.startswith(".") for part in inside) or path.name == PACK_FILE:
            continue
        if path.suffix == ".sql" or (path.suffix == ".toml" and _ID.fullmatch(path.stem)):
            found.add(path.with_suffix(".toml"))
    return found


def _list_packs(folder: Path) -> list[Book]:
    return [open_book(file.parent) for file in sorted(folder.glob(f"*/{PACK_FILE}"))]


def _read_pack(file: Path, drop: str = "") -> dict[str, Any]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}.", hint="A pack file is TOML.") from error
    wrong = [key for key in data if key not in _PACK_KEYS] + [
        key for key in _PACK_KEYS if not isinstance(data.get(key, ""), str) or (key != "needs" and not data.get(key))
    ]
    if wrong:
        hint = suggest(wrong[0], _PACK_KEYS, f"It has these texts: {', '.join(_PACK_KEYS)} (needs may be left out).")
        raise ConfigurationError(f"{file}: the pack's {wrong[0]!r} is missing, or unknown, or no text.", hint=hint)
    if data["name"] == SHIPPED and file.parent != SHIPPED_FOLDER:
        raise ConfigurationError(f"{file}: a pack cannot be called {SHIPPED!r}.", hint="Give it another name.")
    if _order(data.get("needs", "0")) > _order(_own_version()):
        raise ConfigurationError(
            f"{file}: the pack {data['name']} needs Sentinel Batch {data['needs']}; this is {_own_version()}.",
            hint="Install a newer version, or leave the pack out.",
        )
    return {key: data[key] for key in _PACK_KEYS if key not in ("needs", drop)} | {"folder": file.parent}


def _own_version() -> str:
    return str(sys.modules[__name__.partition(".")[0]].__version__)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
