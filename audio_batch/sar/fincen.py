"""FinCEN SAR XML 2.0 (form 111, schema EFL_SARXBatchSchema 1.2), as far as a draft knows the content.

Names, order, lengths and codes of the elements: the schema, and FinCEN's "SAR XML Schema 2.0 User Guide". Parties:
35 transmitter, 37 its contact, 30 filing institution, 8 contact for assistance, 34 where the activity occurred,
33 subject, 41 institution that holds the account.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from xml.etree import ElementTree

from audio_batch.sar.configuration import Address, SarConfig
from audio_batch.sar.record import CallRecord, MissingField
from audio_batch.sar.wording import cut_text, split_blocks

NAMESPACE = "www.fincen.gov/base"
SCHEMA_LOCATION = f"{NAMESPACE} https://www.fincen.gov/base/EFL_SARXBatchSchema.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_UNKNOWN_ADDRESS = (
    "CityUnknownIndicator",
    "CountryCodeUnknownIndicator",
    "StateCodeUnknownIndicator",
    "StreetAddressUnknownIndicator",
    "ZIPCodeUnknownIndicator",
)
_LIMITS = {
    "AccountNumberText": 40,
    "FilingInstitutionNotetoFinCEN": 50,
    "OtherOrganizationTypeText": 50,
    "OtherSuspiciousActivityTypeText": 50,
    "RawCityText": 50,
    "RawStreetAddress1Text": 100,
    "RawIndividualFirstName": 35,
    "RawEntityIndividualLastName": 150,
    "RawPartyFullName": 150,
}


@dataclass
class FincenBuilder:
    """Builds one batch with one activity, numbering its elements and noting what is missing."""

    config: SarConfig
    record: CallRecord
    narrative: str
    key_terms: tuple[str, ...]
    policy: str
    filing_date: date | None
    missing: list[MissingField] = field(default_factory=list)
    _places: dict[ElementTree.Element, str] = field(default_factory=dict)

    def build(self) -> ElementTree.Element:
        """Return the element EFilingBatchXML."""
        spaces = {"xmlns:fc2": NAMESPACE, "xmlns:xsi": _XSI, "xsi:schemaLocation": SCHEMA_LOCATION}
        root = ElementTree.Element("fc2:EFilingBatchXML", {**spaces, **self._count()})
        self._leaf(root, "FormTypeCode", "SARX")
        activity = self._node(root, "Activity")
        filing = self.filing_date.strftime("%Y%m%d") if self.filing_date else ""
        self._need(activity, "FilingDateText", filing, "the date of filing")
        self._leaf(activity, "FilingInstitutionNotetoFinCEN", " ".join(self.key_terms))
        self._leaf(self._node(activity, "ActivityAssociation"), "InitialReportIndicator", "Y")
        self._add_transmitter(activity)
        self._add_institution(activity)
        self._add_subject(activity)
        self._add_suspicion(activity)
        self._add_narrative(activity)
        return root

    def _count(self) -> dict[str, str]:
        total = "0" if self._dollars is None else str(self._dollars)
        counts = {"TotalAmount": total, "PartyCount": "1", "ActivityCount": "1"}
        return {**counts, "ActivityAttachmentCount": "0", "AttachmentCount": "0"}

    @property
    def _dollars(self) -> int | None:
        known = self.record.amount is not None and self.record.currency == "USD"
        return math.ceil(self.record.amount or 0) if known else None

    def _add_transmitter(self, activity: ElementTree.Element) -> None:
        sender = self.config.transmitter
        party = self._party(activity, "35")
        self._name(party, sender.name, "transmitter.name")
        self._address(party, sender.address, "transmitter")
        self._phone(party, sender.phone, "transmitter.phone")
        self._identify(party, sender.tin, "4", "transmitter.tin")
        self._identify(party, sender.tcc, "28", "transmitter.tcc")
        self._name(self._party(activity, "37"), sender.contact_name, "transmitter.contact_name")

    def _add_institution(self, activity: ElementTree.Element) -> None:
        filer = self.config.institution
        self._institution(self._party(activity, "30"), {})
        contact = self._party(activity, "8")
        self._name(contact, filer.contact_office, "institution.contact_office")
        self._phone(contact, filer.contact_phone, "institution.contact_phone")
        self._institution(self._party(activity, "34"), {"NoBranchActivityInvolvedIndicator": "Y"})

    def _institution(self, party: ElementTree.Element, indicators: Mapping[str, str]) -> None:
        filer = self.config.institution
        for name, value in indicators.items():
            self._leaf(party, name, value)
        self._need(party, "PrimaryRegulatorTypeCode", filer.regulator, "configuration institution.regulator")
        self._name(party, filer.name, "institution.name")
        self._address(party, filer.address, "institution")
        self._identify(party, filer.tin, filer.tin_type, "institution.tin")
        kind = self._node(party, "OrganizationClassificationTypeSubtype")
        self._need(kind, "OrganizationTypeID", filer.type, "configuration institution.type")
        if filer.type == "999":
            self._need(kind, "OtherOrganizationTypeText", filer.type_text, "configuration institution.type_text")

    def _add_subject(self, activity: ElementTree.Element) -> None:
        party = self._party(activity, "33")
        named, account = self.record.is_subject_named, self.record.account_number
        self._leaf(party, "AllCriticalSubjectInformationUnavailableIndicator", "" if named else "Y")
        self._leaf(party, "BirthDateUnknownIndicator", "Y" if named else "")
        self._leaf(party, "NoKnownAccountInvolvedIndicator", "" if account else "Y")
        self._leaf(party, "UnknownGenderIndicator", "Y" if named else "")
        if named:
            self._name_subject(party)
        if self.record.caller_number:
            self._leaf(self._node(party, "PhoneNumber"), "PhoneNumberText", self.record.caller_number)
        if named:
            for indicator in ("IdentificationPresentUnknownIndicator", "TINUnknownIndicator"):
                self._leaf(self._node(party, "PartyIdentification"), indicator, "Y")
        if account:
            self._add_account(party, account)
        self._miss(party, "PartyAssociation", "by hand: the subject's relationship to the institution")

    def _name_subject(self, party: ElementTree.Element) -> None:
        name = self._node(party, "PartyName")
        first, last = self.record.subject_first_name, self.record.subject_last_name
        self._leaf(name, "EntityLastNameUnknownIndicator", "" if last else "Y")
        self._leaf(name, "FirstNameUnknownIndicator", "" if first else "Y")
        self._leaf(name, "PartyNameTypeCode", "L")
        self._leaf(name, "RawEntityIndividualLastName", last or "")
        self._leaf(name, "RawIndividualFirstName", first or "")
        address = self._node(party, "Address")
        for indicator in _UNKNOWN_ADDRESS:
            self._leaf(address, indicator, "Y")

    def _add_account(self, party: ElementTree.Element, number: str) -> None:
        link = self._node(party, "PartyAccountAssociation")
        self._leaf(link, "PartyAccountAssociationTypeCode", "7")
        holder = self._party(link, "41")
        self._identify(holder, self.config.institution.tin, "4", "institution.tin")
        account = self._node(holder, "Account")
        self._leaf(account, "AccountNumberText", number)
        self._leaf(self._node(account, "PartyAccountAssociation"), "PartyAccountAssociationTypeCode", "5")

    def _add_suspicion(self, activity: ElementTree.Element) -> None:
        suspicion = self._node(activity, "SuspiciousActivity")
        if self._dollars is None:
            self._leaf(suspicion, "AmountUnknownIndicator", "Y")
            source = "column amount" if self.record.amount is None else "by hand: the amount in USD"
            self._miss(suspicion, "TotalSuspiciousAmountText", source)
        elif self._dollars == 0:
            self._leaf(suspicion, "NoAmountInvolvedIndicator", "Y")
        day = self.record.call_date.strftime("%Y%m%d") if self.record.call_date else ""
        self._need(suspicion, "SuspiciousActivityFromDateText", day, "column call_time")
        self._leaf(suspicion, "TotalSuspiciousAmountText", str(self._dollars) if self._dollars else "")
        self._classify(suspicion)

    def _classify(self, suspicion: ElementTree.Element) -> None:
        kind = self.config.classify(self.policy)
        node = self._node(suspicion, "SuspiciousActivityClassification")
        self._leaf(node, "OtherSuspiciousActivityTypeText", kind.text if kind else "")
        source = "configuration fincen.classifications"
        self._need(node, "SuspiciousActivitySubtypeID", str(kind.subtype) if kind else "", source)
        self._need(node, "SuspiciousActivityTypeID", str(kind.type) if kind else "", source)

    def _add_narrative(self, activity: ElementTree.Element) -> None:
        for number, block in enumerate(split_blocks(self.narrative), start=1):
            node = self._node(activity, "ActivityNarrativeInformation")
            self._leaf(node, "ActivityNarrativeSequenceNumber", str(number))
            self._leaf(node, "ActivityNarrativeText", block)

    def _party(self, parent: ElementTree.Element, code: str) -> ElementTree.Element:
        party = self._node(parent, "Party")
        self._places[party] += f"[{code}]"
        self._leaf(party, "ActivityPartyTypeCode", code)
        return party

    def _name(self, party: ElementTree.Element, name: str, source: str) -> None:
        node = self._node(party, "PartyName")
        self._leaf(node, "PartyNameTypeCode", "L")
        self._need(node, "RawPartyFullName", name, f"configuration {source}")

    def _address(self, party: ElementTree.Element, address: Address, source: str) -> None:
        node = self._node(party, "Address")
        self._need(node, "RawCityText", address.city, f"configuration {source}.city")
        self._need(node, "RawCountryCodeText", address.country, f"configuration {source}.country")
        self._need(node, "RawStateCodeText", address.state, f"configuration {source}.state")
        self._need(node, "RawStreetAddress1Text", address.street, f"configuration {source}.street")
        self._need(node, "RawZIPCode", address.zip, f"configuration {source}.zip")

    def _phone(self, party: ElementTree.Element, number: str, source: str) -> None:
        self._need(self._node(party, "PhoneNumber"), "PhoneNumberText", number, f"configuration {source}")

    def _identify(self, party: ElementTree.Element, number: str, code: str, source: str) -> None:
        node = self._node(party, "PartyIdentification")
        self._need(node, "PartyIdentificationNumberText", number, f"configuration {source}")
        self._leaf(node, "PartyIdentificationTypeCode", code)

    def _node(self, parent: ElementTree.Element, name: str) -> ElementTree.Element:
        node = ElementTree.SubElement(parent, f"fc2:{name}", {"SeqNum": str(len(self._places) + 1)})
        above = self._places.get(parent)
        self._places[node] = f"{above}/{name}" if above else name
        return node

    def _need(self, parent: ElementTree.Element, name: str, value: str, source: str) -> None:
        if not self._leaf(parent, name, value):
            self._miss(parent, name, source)

    def _miss(self, parent: ElementTree.Element, name: str, source: str) -> None:
        self.missing.append(MissingField("fincen", f"{self._places[parent]}/{name}", source))

    def _leaf(self, parent: ElementTree.Element, name: str, value: str) -> bool:
        text = cut_text(value, _LIMITS.get(name, 4000))
        if text:
            ElementTree.SubElement(parent, f"fc2:{name}").text = text
        return bool(text)
