"""What an institution knows about itself, and the national codes of its reports, from a TOML file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audio_batch.routing.tables import Table, read_toml
from batch_base.hashing import hash_value

REGULATORS = ("", "1", "2", "3", "4", "6", "7", "9", "13", "99")
INSTITUTION_TYPES = ("", "1", "2", "3", "4", "5", "11", "12", "999")
TIN_TYPES = ("1", "2", "4")
_DEFAULT = Path(__file__).with_name("default.toml")
_NUMBER = r"\d*"


@dataclass(frozen=True)
class Address:
    """A postal address; empty parts are not known."""

    street: str
    city: str
    state: str
    zip: str
    country: str


@dataclass(frozen=True)
class Institution:
    """The filing institution; the codes are FinCEN's."""

    name: str
    tin: str
    tin_type: str
    regulator: str
    type: str
    type_text: str
    address: Address
    contact_office: str
    contact_phone: str


@dataclass(frozen=True)
class Transmitter:
    """Who sends the batch to FinCEN."""

    name: str
    tin: str
    tcc: str
    address: Address
    phone: str
    contact_name: str


@dataclass(frozen=True)
class Classification:
    """A kind of suspicious activity: FinCEN's type and subtype, for a routing policy (``*``: any other)."""

    policy: str
    type: int
    subtype: int
    text: str


@dataclass(frozen=True)
class GoamlCodes:
    """Values and codes of a national goAML."""

    rentity_id: int
    rentity_branch: str
    submission_code: str
    report_code: str
    currency_code_local: str
    reporting_user_code: str
    indicators: tuple[str, ...]
    unknown_name: str
    text_limit: int
    person: dict[str, str]
    location: dict[str, str]
    phone: dict[str, str]
    account: dict[str, str]


@dataclass(frozen=True)
class SarConfig:
    """Configuration of report drafts; see ``default.toml`` for every key."""

    currency: str
    institution: Institution
    transmitter: Transmitter
    classifications: tuple[Classification, ...]
    goaml: GoamlCodes

    @property
    def sha256(self) -> str:
        """Hash of the content."""
        return hash_value(asdict(self))

    def classify(self, policy: str) -> Classification | None:
        """Return the kind of suspicious activity of a routing policy."""
        by_policy = {item.policy: item for item in self.classifications}
        return by_policy.get(policy, by_policy.get("*"))


def load_sar_config(path: str | Path | None = None) -> SarConfig:
    """Load the configuration of report drafts and check it.

    Parameters
    ----------
    path
        A TOML file; None for the shipped one, in which nothing about the institution is known. Keys that the file lacks
        are taken from the shipped one.

    Raises
    ------
    AudioUsageError
        If the file cannot be read, or says something that is not allowed.
    """
    document = read_toml(_DEFAULT, kind="report configuration")
    if path is not None:
        document = _overlay(document, read_toml(Path(path), kind="report configuration"))
    return _build(Table(document, file=str(path or _DEFAULT.name)))


def _overlay(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    pairs = {key: _overlay(base[key], own[key]) for key in own if isinstance(own[key], dict) and _is_table(base, key)}
    return {**base, **own, **pairs}


def _is_table(values: dict[str, Any], key: str) -> bool:
    return isinstance(values.get(key), dict)


def _build(table: Table) -> SarConfig:
    fincen = table.table("fincen")
    config = SarConfig(
        currency=table.text("currency", pattern="[A-Z]{3}", allowed="an ISO 4217 code such as USD"),
        institution=_read_institution(table.table("institution")),
        transmitter=_read_transmitter(table.table("transmitter")),
        classifications=tuple(_read_classification(item) for item in fincen.tables("classifications")),
        goaml=_read_goaml(table.table("goaml")),
    )
    fincen.close()
    table.close()
    return config


def _read_institution(table: Table) -> Institution:
    found = Institution(
        name=table.text("name", ""),
        tin=_read_digits(table, "tin"),
        tin_type=table.choice("tin_type", TIN_TYPES),
        regulator=table.choice("regulator", REGULATORS),
        type=table.choice("type", INSTITUTION_TYPES),
        type_text=table.text("type_text", ""),
        address=_read_address(table),
        contact_office=table.text("contact_office", ""),
        contact_phone=_read_digits(table, "contact_phone"),
    )
    table.close()
    return found


def _read_transmitter(table: Table) -> Transmitter:
    found = Transmitter(
        name=table.text("name", ""),
        tin=_read_digits(table, "tin"),
        tcc=table.text("tcc", "", pattern="[A-Za-z0-9]{1,25}", allowed="up to 25 letters and digits"),
        address=_read_address(table),
        phone=_read_digits(table, "phone"),
        contact_name=table.text("contact_name", ""),
    )
    table.close()
    return found


def _read_address(table: Table) -> Address:
    return Address(
        street=table.text("street", ""),
        city=table.text("city", ""),
        state=table.text("state", "", pattern="[A-Z]{2,3}", allowed="a state code such as NY"),
        zip=table.text("zip", "", pattern="[A-Z0-9]{1,9}", allowed="up to 9 digits or letters, no hyphen"),
        country=table.text("country", "", pattern="[A-Z]{2}", allowed="an ISO 3166-1 code such as US"),
    )


def _read_digits(table: Table, name: str) -> str:
    return table.text(name, "", pattern=r"\d{1,16}", allowed="up to 16 digits and nothing else")


def _read_classification(table: Table) -> Classification:
    found = Classification(
        policy=table.text("policy"),
        type=int(table.number("type", low=1, high=12)),
        subtype=int(table.number("subtype", low=100, high=12999)),
        text=table.text("text", ""),
    )
    table.close()
    return found


def _read_goaml(table: Table) -> GoamlCodes:
    found = GoamlCodes(
        rentity_id=int(table.number("rentity_id", low=0, high=2**31 - 1)),
        rentity_branch=table.text("rentity_branch", ""),
        submission_code=table.text("submission_code"),
        report_code=table.text("report_code"),
        currency_code_local=table.text("currency_code_local", ""),
        reporting_user_code=table.text("reporting_user_code", ""),
        indicators=table.texts("indicators"),
        unknown_name=table.text("unknown_name"),
        text_limit=int(table.number("text_limit", low=200, high=8000)),
        person=_read_texts(table.table("reporting_person"), "first_name", "last_name"),
        location=_read_texts(
            table.table("location"), "address_type", "address", "city", "zip", "country_code", "state"
        ),
        phone=_read_texts(table.table("phone"), "contact_type", "communication_type", "country_prefix"),
        account=_read_texts(table.table("account"), "institution_name", "institution_code", "swift"),
    )
    table.close()
    return found


def _read_texts(table: Table, *names: str) -> dict[str, str]:
    found = {name: table.text(name, "") for name in names}
    table.close()
    return found
