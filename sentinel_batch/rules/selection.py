"""Rules that are named by id, by one of their files, or by a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sentinel_batch.desk import ConfigLike
from sentinel_batch.errors import RuleError, RuleNotFoundError
from sentinel_batch.rules.books import SUFFIXES, Book, open_book, read_rule
from sentinel_batch.rules.catalogue import FailedRule, load_rule, read_catalogue
from sentinel_batch.rules.rule import Rule


@dataclass
class Selection:
    """Rules, and those among what was named that cannot be used; the books that were named as folders."""

    rules: list[Rule] = field(default_factory=list)
    failed: list[FailedRule] = field(default_factory=list)
    books: list[Book] = field(default_factory=list)


def select_rules(words: Sequence[str] | None, config: ConfigLike = None) -> Selection:
    """Return the rules that words name; without words, those of the configured books.

    Parameters
    ----------
    words
        Ids, files (any of the three of a rule), folders.
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    RuleNotFoundError
        If a word names nothing.
    ConfigurationError
        If a folder has a pack file that is not as described.
    """
    chosen = Selection()
    if not words:
        catalogue = read_catalogue(config)
        return Selection(list(catalogue.rules), list(catalogue.failed), [])
    for word in words:
        path = Path(word)
        is_path = path.name.endswith(SUFFIXES) or "/" in word or word in (".", "..")
        if not is_path and (not path.is_dir() or _is_known(word, config)):
            chosen.rules.append(read_catalogue(config).get(word))
        elif path.is_dir():
            _take_book(open_book(path), chosen)
        else:
            _take_file(path, chosen)
    return chosen


def select_rule(word: str, config: ConfigLike = None) -> Rule:
    """Return the one rule that a word names: an id, or one of a rule's files.

    Raises
    ------
    RuleNotFoundError
        If it names none, or a folder of several.
    RuleError
        If it cannot be used.
    """
    chosen = select_rules([word], config)
    if chosen.failed:
        raise chosen.failed[0].error
    if len(chosen.rules) != 1:
        ids = ", ".join(rule.id for rule in chosen.rules)
        raise RuleNotFoundError(f"{word} holds {len(chosen.rules)} rules.", hint=f"Name one of: {ids}.")
    return chosen.rules[0]


def _is_known(word: str, config: ConfigLike) -> bool:
    return word.upper() in {rule.id for rule in read_catalogue(config).rules}


def _take_book(book: Book, chosen: Selection) -> None:
    paths = list(book.find_rules())
    if not paths:
        raise RuleNotFoundError(
            f"There is no rule in the folder {book.folder}.",
            hint=f"Write one: sentinel-batch rules new MY_RULE --folder {book.folder}",
            folder=str(book.folder),
        )
    chosen.books.append(book)
    for path in paths:
        try:
            chosen.rules.append(read_rule(path, book))
        except RuleError as error:
            chosen.failed.append(FailedRule(path.stem, book.name, error))


def _take_file(path: Path, chosen: Selection) -> None:
    if not path.is_file():
        raise RuleNotFoundError(
            f"There is no file {path}.", hint="Name one of the files of a rule, ID.sql, or its id.", file=str(path)
        )
    try:
        chosen.rules.append(load_rule(path))
    except RuleError as error:
        chosen.failed.append(FailedRule(path.name.partition(".")[0], path.parent.name, error))
