"""Drafts of suspicious-activity reports: content, form of the XML, hostile values, files."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import examples

from audio_batch.errors import AudioUsageError
from audio_batch.routing import route
from audio_batch.sar import DEEPFAKE_KEY_TERM, SarDraft, draft_sar, load_sar_config
from audio_batch.sar.goaml import cut_reason
from audio_batch.sar.wording import clean_text, cut_text, split_blocks
from audio_batch.verdict import Reason, SegmentScore, Verdict, Verification

SETTINGS = settings(derandomize=True, database=None, deadline=None, max_examples=examples(200))
NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
VERDICT = Verdict(
    path="inbox/call-77.wav",
    sha256="cd" * 32,
    score=0.93,
    label="likely_synthetic",
    confidence=0.88,
    latency_ms=40.0,
    session_id="s-77",
    model_version="m-1",
    duration=63.2,
    speech_seconds=41.0,
    channel_class="narrowband",
    segments=tuple(SegmentScore(0, "customer", 2.0 * i, 2.0 * i + 4, 3.5, 0.1 * i) for i in range(8)),
    reasons=(Reason("lfcc_3", 4.0, -1.0, 1.0, 0.7, "LFCC 3 is above the human range"),),
)
VERIFICATION = Verification("inbox/call-77.wav", False, "cust-9", 0.12, "s-77", -2.0, 0.4, False)
CONTEXT: dict[str, Any] = {
    "call_id": "77",
    "call_time": "2026-03-01T14:05:00Z",
    "caller_number": "+234 803 123 4567",
    "amount": "250000.10",
    "customer_id": "cust-9",
    "customer_name": "Ada Obi",
    "account_number": "0123456789",
    "beneficiary_name": "Acme Trading",
    "destination_country": "IR",
    "new_beneficiary": "yes",
    "customer_risk": "0.2",
}
CONFIG = """
[institution]
name = "Example Bank"
tin = "123456780"
regulator = "4"
type = "2"
street = "1 Main Street"
city = "Springfield"
state = "VA"
zip = "22150"
country = "US"
contact_office = "Fraud desk"
contact_phone = "7035550100"
[transmitter]
name = "Example Bank"
tin = "123456780"
tcc = "PEXA1234"
street = "1 Main Street"
city = "Springfield"
state = "VA"
zip = "22150"
country = "US"
phone = "7035550100"
contact_name = "Jo Doe"
[goaml]
rentity_id = 42
rentity_branch = "HQ"
currency_code_local = "NGN"
indicators = ["-"]
[goaml.reporting_person]
first_name = "Jo"
last_name = "Doe"
[goaml.location]
address_type = "-"
address = "1 Main Street"
city = "Lagos"
country_code = "NG"
[goaml.phone]
contact_type = "-"
communication_type = "-"
country_prefix = "234"
[goaml.account]
institution_name = "Example Bank"
swift = "EXAMNGLA"
"""
HOSTILE = '</fc2:Party><!-- "O\'Neil" & ]]> \x00\x1b\u202e\ud800\r\n\t\ufffe' + "x" * 400


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "sar.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def make_draft(
    config: Path | None = None,
    *,
    verdict: Verdict = VERDICT,
    context: dict[str, Any] | None = None,
    now: datetime | None = None,
    **options: Any,
) -> SarDraft:
    known = CONTEXT if context is None else context
    decision = route(verdict, VERIFICATION, known)
    return draft_sar(decision, verdict, verification=VERIFICATION, context=known, config=config, now=now, **options)


def test_a_draft_says_what_it_is_and_what_it_is_about(config: Path) -> None:
    document = make_draft(config).to_dict()
    assert json.loads(json.dumps(document, allow_nan=False))["record"] == document["record"]
    assert (document["status"], document["decision"], document["session_id"]) == ("draft", "deny", "s-77")
    assert document["notice"].startswith("DRAFT - NOT FILED")
    assert document["case_id"].startswith("DRAFT-")
    assert document["key_terms"] == [DEEPFAKE_KEY_TERM]
    assert document["record"]["file_name"] == "call-77.wav" and document["record"]["call_date"] == "2026-03-01"


def test_the_narrative_tells_the_facts(config: Path) -> None:
    text = make_draft(config, reason="Caller hung up\nwhen asked to wait.").narrative
    for said in (
        "DRAFT - NOT FILED",
        DEEPFAKE_KEY_TERM,
        "On 2026-03-01, Example Bank recorded a call from the number 2348031234567 (call 77).",
        "250,000.10 USD to Acme Trading in IR",
        "Ada Obi, cust-9, account 0123456789",
        "score 0.930 on a scale from 0 (human) to 1 (synthetic)",
        "14.0 s to 18.0 s (channel 0, customer) 0.700; 12.0 s",
        "LFCC 3 is above the human range.",
        "was not verified against the enrolment cust-9",
        "wire_transfer 1.0.0: BLOCK, composite risk 1.000",
        "Remark of the analyst: Caller hung up when asked to wait.",
        "cd" * 32,
        "It is no proof",
    ):
        assert said in text
    assert not any(c in text for c in "\r\t")


def test_the_customer_is_not_taken_for_the_suspect(config: Path) -> None:
    draft = make_draft(config)
    subject = party(fincen_root(draft), "33")
    assert "Ada" not in ElementTree.tostring(subject, encoding="unicode")
    assert "may be a victim" in draft.narrative


def test_an_abstention_has_no_key_term_and_no_score_in_the_narrative(config: Path) -> None:
    draft = make_draft(config, verdict=replace(VERDICT, abstention="low_snr"))
    assert draft.key_terms == () and DEEPFAKE_KEY_TERM not in draft.narrative + draft.to_fincen_xml()
    assert "gave no label: low_snr" in draft.narrative and "0.930" not in draft.narrative


@pytest.mark.parametrize(
    ("score", "label", "outcome"),
    [(0.01, "likely_real", "allow"), (0.3, "uncertain", "review"), (0.99, "likely_synthetic", "deny")],
)
def test_the_decision_follows_the_action_unless_given(score: float, label: Any, outcome: Any) -> None:
    safe = {"amount": 1, "new_beneficiary": 0, "destination_country": "DE", "customer_risk": 0}
    verdict = replace(VERDICT, score=score, label=label)
    decision = route(verdict, context=safe)
    assert draft_sar(decision, verdict, context=safe).decision == outcome
    assert draft_sar(decision, verdict, context=safe, outcome="review").decision == "review"


def test_the_case_id_follows_from_the_inputs(config: Path) -> None:
    first = make_draft(config)
    assert first.case_id == make_draft(config, now=NOW).case_id
    assert first.case_id == make_draft(config, verdict=replace(VERDICT, latency_ms=1.0)).case_id
    assert first.case_id != make_draft(config, context={**CONTEXT, "amount": 1}).case_id
    assert first.case_id != make_draft(config, verdict=replace(VERDICT, sha256="00" * 32)).case_id
    assert first.to_fincen_xml() == make_draft(config).to_fincen_xml()


# FinCEN SAR XML

SPACE = "{www.fincen.gov/base}"

ORDER = {
    "EFilingBatchXML": ["FormTypeCode", "Activity"],
    "Activity": [
        "FilingDateText",
        "FilingInstitutionNotetoFinCEN",
        "ActivityAssociation",
        "Party",
        "SuspiciousActivity",
        "ActivityNarrativeInformation",
    ],
    "ActivityAssociation": ["InitialReportIndicator"],
    "Party": [
        "ActivityPartyTypeCode",
        "AllCriticalSubjectInformationUnavailableIndicator",
        "BirthDateUnknownIndicator",
        "NoBranchActivityInvolvedIndicator",
        "NoKnownAccountInvolvedIndicator",
        "PrimaryRegulatorTypeCode",
        "UnknownGenderIndicator",
        "PartyName",
        "Address",
        "PhoneNumber",
        "PartyIdentification",
        "OrganizationClassificationTypeSubtype",
        "PartyAccountAssociation",
        "Account",
    ],
    "PartyName": [
        "EntityLastNameUnknownIndicator",
        "FirstNameUnknownIndicator",
        "PartyNameTypeCode",
        "RawEntityIndividualLastName",
        "RawIndividualFirstName",
        "RawPartyFullName",
    ],
    "Address": [
        "CityUnknownIndicator",
        "CountryCodeUnknownIndicator",
        "RawCityText",
        "RawCountryCodeText",
        "RawStateCodeText",
        "RawStreetAddress1Text",
        "RawZIPCode",
        "StateCodeUnknownIndicator",
        "StreetAddressUnknownIndicator",
        "ZIPCodeUnknownIndicator",
    ],
    "PhoneNumber": ["PhoneNumberText"],
    "PartyIdentification": [
        "IdentificationPresentUnknownIndicator",
        "PartyIdentificationNumberText",
        "PartyIdentificationTypeCode",
        "TINUnknownIndicator",
    ],
    "OrganizationClassificationTypeSubtype": ["OrganizationTypeID", "OtherOrganizationTypeText"],
    "PartyAccountAssociation": ["PartyAccountAssociationTypeCode", "Party"],
    "Account": ["AccountNumberText", "PartyAccountAssociation"],
    "SuspiciousActivity": [
        "AmountUnknownIndicator",
        "NoAmountInvolvedIndicator",
        "SuspiciousActivityFromDateText",
        "TotalSuspiciousAmountText",
        "SuspiciousActivityClassification",
    ],
    "SuspiciousActivityClassification": [
        "OtherSuspiciousActivityTypeText",
        "SuspiciousActivitySubtypeID",
        "SuspiciousActivityTypeID",
    ],
    "ActivityNarrativeInformation": ["ActivityNarrativeSequenceNumber", "ActivityNarrativeText"],
}
"""Order of the children that drafts use, from EFL_SARXBatchSchema 1.2."""


def fincen_root(draft: SarDraft) -> ElementTree.Element:
    return ElementTree.fromstring(draft.to_fincen_xml().encode())


def party(root: ElementTree.Element, code: str) -> ElementTree.Element:
    (found,) = (p for p in root.findall(f".//{SPACE}Party") if p.findtext(f"{SPACE}ActivityPartyTypeCode") == code)
    return found


def check_fincen_form(root: ElementTree.Element) -> None:
    numbers = [element.get("SeqNum") for element in root.iter() if element.get("SeqNum")]
    assert len(numbers) == len(set(numbers))
    for element in root.iter():
        name = element.tag.removeprefix(SPACE)
        children = [child.tag.removeprefix(SPACE) for child in element]
        if children:
            places = [ORDER[name].index(child) for child in children]
            assert places == sorted(places), f"{name}: {children}"
        elif name not in ORDER:
            text = element.text or ""
            assert text and text == text.strip() and len(text) <= 4000
            assert not any(ord(c) < 32 or "\ud800" <= c <= "\udfff" or c in "\ufffe\uffff" for c in text)


def test_fincen_elements_are_in_order_and_numbered(config: Path) -> None:
    root = fincen_root(make_draft(config, now=NOW))
    check_fincen_form(root)
    codes = [p.findtext(f"{SPACE}ActivityPartyTypeCode") for p in root.findall(f"{SPACE}Activity/{SPACE}Party")]
    assert codes == ["35", "37", "30", "8", "34", "33"]
    assert root.get("TotalAmount") == "250001" and root.get("PartyCount") == "1"
    assert root.findtext(f".//{SPACE}FilingInstitutionNotetoFinCEN") == DEEPFAKE_KEY_TERM
    assert root.findtext(f".//{SPACE}SuspiciousActivitySubtypeID") == "312"
    assert root.findtext(f".//{SPACE}SuspiciousActivityFromDateText") == "20260301"
    assert root.findtext(f".//{SPACE}TotalSuspiciousAmountText") == "250001"
    assert party(root, "33").findtext(f".//{SPACE}PhoneNumberText") == "2348031234567"


def test_a_full_configuration_leaves_only_what_a_person_decides(config: Path) -> None:
    missing = make_draft(config, now=NOW).missing_fields
    assert [(item.document, item.source.split(":")[0]) for item in missing] == [("fincen", "by hand")]
    without_date = [item.field for item in make_draft(config).missing_fields]
    assert "Activity/FilingDateText" in without_date and "report/submission_date" in without_date


def test_an_empty_configuration_names_every_missing_field_and_invents_nothing() -> None:
    draft = make_draft(context={"subject_name": "Unknown"})
    named = {f"{item.document} {item.field} <- {item.source}" for item in draft.missing_fields}
    for expected in (
        "fincen Activity/Party[35]/PartyIdentification/PartyIdentificationNumberText <- configuration transmitter.tcc",
        "fincen Activity/Party[30]/PartyName/RawPartyFullName <- configuration institution.name",
        "fincen Activity/SuspiciousActivity/SuspiciousActivityFromDateText <- column call_time",
        "fincen Activity/SuspiciousActivity/TotalSuspiciousAmountText <- column amount",
        "fincen Activity/FilingDateText <- the date of filing",
        "goaml report/rentity_id <- configuration goaml.rentity_id",
        "goaml report/report_indicators/indicator <- configuration goaml.indicators",
        "goaml report/location/city <- configuration goaml.location.city",
    ):
        assert expected in named
    check_fincen_form(fincen_root(draft))
    for xml in (draft.to_fincen_xml(), draft.to_goaml_xml()):
        assert xml.split("\n")[1].startswith("<!-- DRAFT - NOT FILED")
    assert "configuration transmitter.tcc" in draft.to_fincen_xml()


def test_an_amount_in_another_currency_is_not_passed_off_as_dollars(config: Path) -> None:
    draft = make_draft(config, context={**CONTEXT, "currency": "NGN"})
    root = fincen_root(draft)
    assert root.findtext(f".//{SPACE}AmountUnknownIndicator") == "Y" and root.get("TotalAmount") == "0"
    assert any("the amount in USD" in item.source for item in draft.missing_fields)
    assert "250,000.10 NGN" in draft.narrative


def test_a_named_suspect(config: Path) -> None:
    context = {**CONTEXT, "subject_first_name": "Jane", "subject_last_name": "Roe"}
    subject = party(fincen_root(make_draft(config, context=context)), "33")
    assert subject.findtext(f".//{SPACE}RawEntityIndividualLastName") == "Roe"
    assert subject.find(f"{SPACE}AllCriticalSubjectInformationUnavailableIndicator") is None
    unnamed = party(fincen_root(make_draft(config)), "33")
    assert unnamed.findtext(f"{SPACE}AllCriticalSubjectInformationUnavailableIndicator") == "Y"


# goAML


def test_goaml_elements_are_in_order(config: Path) -> None:
    root = ElementTree.fromstring(make_draft(config, now=NOW).to_goaml_xml().encode())
    assert [child.tag for child in root] == [
        "rentity_id",
        "rentity_branch",
        "submission_code",
        "report_code",
        "entity_reference",
        "submission_date",
        "currency_code_local",
        "reporting_person",
        "location",
        "reason",
        "action",
        "activity",
        "report_indicators",
    ]
    assert root.findtext("submission_date") == "2026-03-02T00:00:00"
    assert root.findtext("activity/report_parties/report_party/significance") == "10"
    assert root.findtext("activity/report_parties/report_party/person/last_name") == "UNKNOWN"
    assert root.findtext(".//account/swift") == "EXAMNGLA"
    assert root.findtext(".//phone/tph_number") == "8031234567", "the prefix stands in tph_country_prefix"
    assert DEEPFAKE_KEY_TERM in (root.findtext("reason") or "")


def test_a_long_reason_says_that_it_is_cut() -> None:
    assert cut_reason("word " * 100, 499) == ("word " * 100).strip()
    cut = cut_reason("word " * 100, 200)
    assert len(cut) <= 200 and cut.endswith("[cut: the whole text is in narrative.txt]")


@pytest.mark.skipif("SAR_SCHEMAS" not in os.environ, reason="SAR_SCHEMAS names no folder with sar.xsd and goaml.xsd")
@pytest.mark.parametrize("context", [CONTEXT, {**CONTEXT, "subject_name": HOSTILE, "customer_name": HOSTILE}])
def test_full_documents_are_valid_by_the_official_schemas(config: Path, context: dict[str, Any]) -> None:
    etree = pytest.importorskip("lxml.etree")
    draft = make_draft(config, now=NOW, context=context)
    for name, xml in (("sar.xsd", draft.to_fincen_xml()), ("goaml.xsd", draft.to_goaml_xml())):
        schema = etree.XMLSchema(etree.parse(str(Path(os.environ["SAR_SCHEMAS"]) / name)))
        schema.assertValid(etree.fromstring(xml.encode()))


# Hostile values


def test_hostile_values_do_not_break_the_documents(config: Path, tmp_path: Path) -> None:
    context = dict.fromkeys((*CONTEXT, "subject_first_name", "subject_last_name", "currency"), HOSTILE)
    verdict = replace(VERDICT, path=f"inbox/{HOSTILE}.wav", session_id=HOSTILE)
    draft = make_draft(config, verdict=verdict, context=context, reason=HOSTILE * 50)
    root = fincen_root(draft)
    check_fincen_form(root)
    assert len(root.findall(f"{SPACE}Activity/{SPACE}Party")) == 6
    assert len(party(root, "33").findtext(f".//{SPACE}RawIndividualFirstName") or "") == 35
    ElementTree.fromstring(draft.to_goaml_xml().encode())
    folder = draft.write(tmp_path)
    assert json.loads((folder / "sar.json").read_text(encoding="utf-8"))["case_id"] == draft.case_id


def test_marks_that_turn_the_direction_of_text_are_dropped() -> None:
    assert clean_text("a\u202eb\u2066c\u061cd\ufeffe\u200ff") == "abcdef"
    assert (
        clean_text("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645")
        == "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    )


@SETTINGS
@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text_survives_as_clean_text(text: str) -> None:
    cleaned = clean_text(text)
    assert cleaned == clean_text(cleaned) == cleaned.strip() and "\n" not in cleaned
    node = ElementTree.Element("a")
    node.text = cleaned
    assert (ElementTree.fromstring(ElementTree.tostring(node, encoding="utf-8")).text or "") == cleaned
    assert len(cut_text(text, 10)) <= 10


@SETTINGS
@given(st.lists(st.text(alphabet="ab\u00e9\u4e16 \n", min_size=0, max_size=30), max_size=60), st.integers(10, 60))
def test_blocks_join_to_the_text(words: list[str], limit: int) -> None:
    text = " ".join(words)
    blocks = split_blocks(text, limit=limit, most=10_000, total=10**6)
    assert all(0 < len(block) <= limit and block == block.strip() for block in blocks)
    assert "".join(blocks).replace(" ", "") == clean_text(text).replace(" ", "")
    if all(len(word) <= limit for word in clean_text(text).split()):
        assert " ".join(blocks) == clean_text(text)


def test_a_narrative_has_at_most_five_blocks_and_17000_characters() -> None:
    blocks = split_blocks("0123456789 " * 5000)
    assert len(blocks) == 5 and max(map(len, blocks)) <= 4000 and sum(map(len, blocks)) <= 17000


def test_unreadable_cells_are_unknown(config: Path) -> None:
    context = {"call_time": "yesterday", "amount": "lots", "caller_number": "anonymous", "customer_name": " "}
    record = make_draft(config, context=context).record
    assert (record.call_date, record.amount, record.caller_number, record.customer_name) == (None,) * 4


# Files


def test_a_case_on_disk_has_hashes_that_fit(config: Path, tmp_path: Path) -> None:
    recording = tmp_path / "call.wav"
    recording.write_bytes(b"RIFF")
    verdict = replace(VERDICT, path=str(recording), sha256=hashlib.sha256(b"RIFF").hexdigest())
    draft = make_draft(config, verdict=verdict)
    folder = draft.write(tmp_path / "cases")
    assert draft.write(tmp_path / "cases") == folder, "writing again is harmless"
    manifest = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    names = {entry["name"] for entry in manifest["files"]}
    assert names | {"evidence.json"} == {path.name for path in folder.iterdir()}
    assert names == {"sar.json", "verdict.json", "verification.json", "narrative.txt", "fincen.xml", "goaml.xml"}
    for entry in manifest["files"]:
        data = (folder / entry["name"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert manifest["recording"] == {"name": "call.wav", "sha256": verdict.sha256, "unchanged": True}
    assert manifest["inputs"]["policy_sha256"] and manifest["status"] == "draft"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_recording_that_changed_or_went_is_said(config: Path, tmp_path: Path) -> None:
    recording = tmp_path / "call.wav"
    recording.write_bytes(b"other")
    draft = make_draft(config, verdict=replace(VERDICT, path=str(recording)))
    for expected in (False, None):
        manifest = json.loads((draft.write(tmp_path) / "evidence.json").read_text(encoding="utf-8"))
        assert manifest["recording"]["unchanged"] is expected
        recording.unlink(missing_ok=True)


def test_a_folder_that_cannot_be_made_is_refused(config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AudioUsageError, match="cannot be written"):
        make_draft(config).write(tmp_path / "file")


def test_the_page_names_every_column_and_key() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sar.md").read_text(encoding="utf-8")
    for name in (*CONTEXT, "currency", "subject_first_name", "subject_last_name", "SAR_SCHEMAS", DEEPFAKE_KEY_TERM):
        if name not in ("new_beneficiary", "customer_risk"):
            assert f"`{name}`" in page


# Refusals


def test_decision_and_verdict_must_fit() -> None:
    decision = route(VERDICT)
    with pytest.raises(AudioUsageError, match="was not made on the recording"):
        draft_sar(decision, replace(VERDICT, sha256="00" * 32))
    with pytest.raises(AudioUsageError, match=r"'maybe' of a report is not allowed\. Allowed: allow, deny, review"):
        draft_sar(decision, VERDICT, outcome="maybe")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[institution]\nregulator = "5"\n', "institution.regulator = '5'"),
        ('[institution]\ntin = "12-345"\n', "institution.tin = '12-345'"),
        ('[institution]\nnme = "x"\n', "Did you mean 'name'?"),
        ('[transmitter]\nzip = "22150-1234"\n', "no hyphen"),
        ("[goaml]\ntext_limit = 9000\n", "goaml.text_limit = 9000"),
        ("[goaml]\nrentity_id = -1\n", "goaml.rentity_id = -1"),
        ('[goaml.location]\ntown = "x"\n', "unknown key 'goaml.location.town'"),
        ('currency = "dollar"\n', "an ISO 4217 code"),
        ("[[fincen.classifications]]\ntype = 3\nsubtype = 312\n", "has no 'fincen.classifications[0].policy'"),
    ],
)
def test_a_wrong_configuration_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "sar.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AudioUsageError) as caught:
        load_sar_config(path)
    assert said in str(caught.value) and "sar.toml" in str(caught.value)
