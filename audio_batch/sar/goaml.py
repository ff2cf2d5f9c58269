"""goAML XML (UNODC, schema 5.0.1; no element of a later one is used), with the national codes of the configuration.

The report is of the kind "activity": a request that was made by voice, not a transaction that was carried out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from xml.etree import ElementTree

from audio_batch.sar.configuration import SarConfig
from audio_batch.sar.record import CallRecord, MissingField
from audio_batch.sar.wording import cut_text

_CUT_MARK = " [cut: the whole text is in narrative.txt]"
_ADDRESS = (("address_type", 1), ("address", 100), ("city", 255), ("zip", 10), ("country_code", 2), ("state", 255))
_OPTIONAL = {"zip", "state"}
_HIGHEST_SIGNIFICANCE = 10
_LONGEST_NATIONAL = 10


@dataclass
class GoamlBuilder:
    """Builds one report and notes what is missing.

    Attributes
    ----------
    significance
        0 … 1: how much the subject matters, written as 0 … 10.
    """

    config: SarConfig
    record: CallRecord
    narrative: str
    action: str
    case_id: str
    significance: float
    filing_date: date | None
    missing: list[MissingField] = field(default_factory=list)

    def build(self) -> ElementTree.Element:
        """Return the element report."""
        root = ElementTree.Element("report")
        codes = self.config.goaml
        number = str(codes.rentity_id) if codes.rentity_id else ""
        self._need(root, "rentity_id", number, "configuration goaml.rentity_id")
        self._need(root, "rentity_branch", codes.rentity_branch, "configuration goaml.rentity_branch")
        self._leaf(root, "submission_code", codes.submission_code)
        self._leaf(root, "report_code", codes.report_code)
        self._leaf(root, "entity_reference", self.case_id)
        day = f"{self.filing_date.isoformat()}T00:00:00" if self.filing_date else ""
        self._need(root, "submission_date", day, "the date of filing")
        self._need(root, "currency_code_local", codes.currency_code_local, "configuration goaml.currency_code_local")
        self._add_reporter(root)
        self._add_location(root)
        self._leaf(root, "reason", cut_reason(self.narrative, codes.text_limit), codes.text_limit)
        self._leaf(root, "action", self.action, codes.text_limit)
        self._add_activity(root)
        self._add_indicators(root, codes.indicators)
        return root

    def _add_reporter(self, root: ElementTree.Element) -> None:
        codes = self.config.goaml
        if codes.reporting_user_code:
            self._leaf(root, "reporting_user_code", codes.reporting_user_code, 50)
            return
        person = ElementTree.SubElement(root, "reporting_person")
        for name in ("first_name", "last_name"):
            source = f"configuration goaml.reporting_person.{name}, or goaml.reporting_user_code"
            self._need(person, name, codes.person[name], source, 100)

    def _add_location(self, root: ElementTree.Element) -> None:
        location = ElementTree.SubElement(root, "location")
        for name, limit in _ADDRESS:
            value = self.config.goaml.location[name]
            if name in _OPTIONAL:
                self._leaf(location, name, value, limit)
            else:
                self._need(location, name, value, f"configuration goaml.location.{name}", limit)

    def _add_activity(self, root: ElementTree.Element) -> None:
        parties = ElementTree.SubElement(ElementTree.SubElement(root, "activity"), "report_parties")
        party = ElementTree.SubElement(parties, "report_party")
        person = ElementTree.SubElement(party, "person")
        unknown = self.config.goaml.unknown_name
        self._leaf(person, "first_name", self.record.subject_first_name or unknown, 100)
        self._leaf(person, "last_name", self.record.subject_last_name or unknown, 100)
        self._add_phone(person)
        self._leaf(party, "significance", str(round(self.significance * _HIGHEST_SIGNIFICANCE)))
        known = "named by the institution" if self.record.is_subject_named else "not identified"
        self._leaf(party, "reason", f"The caller, {known}. DRAFT - NOT FILED.")
        self._add_account(parties)

    def _add_phone(self, person: ElementTree.Element) -> None:
        if not self.record.caller_number:
            return
        phone = ElementTree.SubElement(ElementTree.SubElement(person, "phones"), "phone")
        codes = self.config.goaml.phone
        for name, limit in (("contact_type", 1), ("communication_type", 1), ("country_prefix", 4)):
            self._need(phone, f"tph_{name}", codes[name], f"configuration goaml.phone.{name}", limit)
        self._leaf(phone, "tph_number", strip_prefix(self.record.caller_number, codes["country_prefix"]), 50)

    def _add_account(self, parties: ElementTree.Element) -> None:
        if not self.record.account_number:
            return
        party = ElementTree.SubElement(parties, "report_party")
        account = ElementTree.SubElement(party, "account")
        holder = self.config.goaml.account
        source = "configuration goaml.account"
        self._need(account, "institution_name", holder["institution_name"], f"{source}.institution_name", 255)
        if holder["swift"] and not holder["institution_code"]:
            self._leaf(account, "swift", holder["swift"], 11)
        else:
            self._need(
                account, "institution_code", holder["institution_code"], f"{source}.institution_code or swift", 50
            )
        self._leaf(account, "account", self.record.account_number, 255)
        self._leaf(party, "significance", "0")
        self._leaf(party, "reason", "The account of the customer in whose name the call was made.")

    def _add_indicators(self, root: ElementTree.Element, indicators: Sequence[str]) -> None:
        node = ElementTree.SubElement(root, "report_indicators")
        for indicator in indicators or ("",):
            self._need(node, "indicator", indicator, "configuration goaml.indicators")

    def _need(self, parent: ElementTree.Element, name: str, value: str, source: str, limit: int = 255) -> None:
        if not self._leaf(parent, name, value, limit):
            path = name if parent.tag == "report" else f"{parent.tag}/{name}"
            self.missing.append(MissingField("goaml", f"report/{path}", source))

    def _leaf(self, parent: ElementTree.Element, name: str, value: str, limit: int = 255) -> bool:
        text = cut_text(value, limit)
        if text:
            ElementTree.SubElement(parent, name).text = text
        return bool(text)


def strip_prefix(number: str, prefix: str) -> str:
    """Return a number without the country prefix, if it is long enough to have one."""
    return number.removeprefix(prefix) if len(number) > _LONGEST_NATIONAL else number


def cut_reason(narrative: str, limit: int) -> str:
    """Return a narrative of at most `limit` characters; where it is cut, it says so."""
    text = cut_text(narrative, len(narrative))
    return text if len(text) <= limit else cut_text(text, limit - len(_CUT_MARK)) + _CUT_MARK
