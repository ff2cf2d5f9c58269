"""The rules there are: those of every book that the configuration names, found by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from batch_base.suggestions import suggest
from sentinel_batch.config import Config
from sentinel_batch.desk import ConfigLike, open_desk
from sentinel_batch.errors import ConfigurationError, RuleError, RuleNotFoundError, SentinelError
from sentinel_batch.rules.books import SHIPPED_FOLDER, Book, find_book, find_pack, open_book, read_rule
from sentinel_batch.rules.rule import SHIPPED, Rule
from sentinel_batch.rules.settings import WITNESS, Origin, read_role


@dataclass(frozen=True)
class FailedRule:
    """A rule of the user's that cannot be used.

    Parameters
    ----------
    id
        The name of its files.
    book
        Name of the book that it stands in.
    error
        What is wrong with it, and where.
    """

    id: str
    book: str
    error: SentinelError

    def to_dict(self) -> dict[str, str]:
        """Return it as plain values."""
        return {"rule": self.id, "book": self.book, "message": self.error.message, "hint": self.error.hint}


@dataclass(frozen=True)
class Catalogue:
    """Rules by id, those of the shipped book among them if it is one of the books; and those that cannot be used."""

    rules: tuple[Rule, ...]
    failed: tuple[FailedRule, ...] = ()

    def get(self, rule_id: str) -> Rule:
        """Return the rule of that id; capitals do not matter.

        Raises
        ------
        RuleNotFoundError
            If there is none.
        RuleError
            If it is one of those that cannot be used.
        """
        wanted = rule_id.strip().upper()
        for rule in self.rules:
            if rule.id == wanted:
                return rule
        for broken in self.failed:
            if broken.id.upper() == wanted:
                raise broken.error
        ids = [rule.id for rule in self.rules]
        hint = f"{suggest(wanted, ids, '')} The rules are: {', '.join(ids) or 'none'}.".strip()
        raise RuleNotFoundError(f"There is no rule {rule_id!r}.", hint=hint, rule=rule_id)


def read_catalogue(config: ConfigLike = None) -> Catalogue:
    """Return the rules of the configured books.

    Parameters
    ----------
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    ConfigurationError
        If there is no such book.
    RuleError
        If a shipped rule cannot be used; those of the user's are named in the result.
    """
    settings = open_desk(config=config).config
    if settings.rule_books == (SHIPPED,):
        return Catalogue(list_shipped())
    rules: dict[str, Rule] = {}
    failed: list[FailedRule] = []
    books = (find_book(name, settings.packs) for name in settings.rule_books)
    for book in sorted(books, key=lambda book: not book.is_shipped):
        for rule in _read_book(book, failed):
            _add(rule, rules, failed)
    return Catalogue(tuple(sorted(rules.values(), key=lambda rule: rule.id)), tuple(failed))


def list_rules(config: ConfigLike = None) -> tuple[Rule, ...]:
    """Return every rule of the configured books that can be used, by id; the shipped ones unless others are named.

    Parameters
    ----------
    config
        Settings, or their file; None looks for them as the command line does.
    """
    return read_catalogue(config).rules


def find_strangers(config: Config, catalogue: Catalogue, others: Sequence[Rule] = ()) -> list[ConfigurationError]:
    """Return an error for each table of settings whose rule there is not.

    Parameters
    ----------
    config
        The settings.
    catalogue
        The rules of the configured books.
    others
        Rules beside them that settings may be of.
    """
    known = sorted({rule.id for rule in (*catalogue.rules, *others)} | {failed.id for failed in catalogue.failed})
    found = []
    for rule_id in config.rules:
        if rule_id not in known:
            origin = Origin.of(config, rule_id)
            message = f"{origin.locate('')}{origin.heading} has settings of {rule_id}, and there is no such rule."
            hint = suggest(rule_id, known, f"The rules are: {', '.join(known)}.")
            found.append(ConfigurationError(message, hint=hint, rule=rule_id))
    return found


def role_of(rule: Rule, config: Config) -> str:
    """Return the role of a rule: as the configuration says, else as its header does.

    Raises
    ------
    ConfigurationError
        If the configuration names a role that there is not.
    """
    return read_role(config.rules.get(rule.id, {}), Origin.of(config, rule.id), rule.role)


def is_witness(rule: Rule, config: Config) -> bool:
    """Tell whether the findings of a rule open no alerts by themselves."""
    return role_of(rule, config) == WITNESS


def get_rule(rule_id: str, config: ConfigLike = None) -> Rule:
    """Return the rule of that id in the configured books; capitals do not matter.

    Raises
    ------
    RuleNotFoundError
        If there is none.
    RuleError
        If it cannot be used.
    """
    return read_catalogue(config).get(rule_id)


def load_rule(path: str | Path) -> Rule:
    """Read one rule, named by any of its three files.

    Parameters
    ----------
    path
        ``ID.toml``, ``ID.sql`` or ``ID.cases.yml``.

    Raises
    ------
    RuleError
        If the file cannot be read, or is not as described.
    """
    file = Path(path)
    header = file.with_name(f"{file.name.partition('.')[0]}.toml")
    inside = header.resolve()
    if inside.is_relative_to(SHIPPED_FOLDER.resolve()):
        return read_rule(SHIPPED_FOLDER / inside.relative_to(SHIPPED_FOLDER.resolve()), open_book(SHIPPED_FOLDER))
    return read_rule(header, find_pack(header.parent))


@cache
def list_shipped() -> tuple[Rule, ...]:
    """Return the rules that come with Sentinel Batch, by id."""
    book = open_book(SHIPPED_FOLDER)
    rules = (read_rule(path, book) for path in book.find_rules())
    return tuple(sorted(rules, key=lambda rule: rule.id))


def _read_book(book: Book, failed: list[FailedRule]) -> Sequence[Rule]:
    if book.is_shipped:
        return list_shipped()
    rules = []
    for path in book.find_rules():
        try:
            rules.append(read_rule(path, book))
        except RuleError as error:
            failed.append(FailedRule(path.stem, book.name, error))
    return rules


def _add(rule: Rule, rules: dict[str, Rule], failed: list[FailedRule]) -> None:
    other = rules.get(rule.id)
    if other is None:
        rules[rule.id] = rule
        return
    if other.path == rule.path:
        return
    failed.append(FailedRule(rule.id, rule.book, taken_id(rule, other)))


def taken_id(rule: Rule, other: Rule) -> RuleError:
    """Return the error of a rule with the id of another one."""
    return RuleError(
        f"{rule.header_file}:{rule.find_line('id')}: the id {rule.id} is taken: by {other.header_file} of the book "
        f"{other.book}.",
        hint="Give the rule another id, in its header and in the names of its files.",
    )
