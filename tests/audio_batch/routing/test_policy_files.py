"""Policies as data: the shipped ones, own ones, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio_batch.errors import AudioUsageError
from audio_batch.routing import (
    ACTIONS,
    EXIT_CODES,
    list_policies,
    load_policy,
    route,
)
from tests.audio_batch.routing.routing_samples import SAFE, make_verdict


def test_every_flow_has_a_policy() -> None:
    expected = {
        "account_recovery",
        "call_centre",
        "ecommerce_account_creation",
        "ecommerce_checkout",
        "ecommerce_guest",
        "mobile_account_change",
        "mobile_login",
        "mobile_password_reset",
        "mobile_transaction",
        "voice_only",
        "wire_transfer",
    }
    assert set(list_policies()) == expected
    for name in expected:
        policy = load_policy(name)
        assert policy.name == name
        assert set(policy.inputs) == set(policy.used_inputs), "an input that nothing uses"
        assert all(policy.controls[action] for action in ACTIONS)


@pytest.mark.parametrize("policy", ["account_recovery", "mobile_password_reset", "mobile_account_change"])
def test_flows_that_hand_over_the_account_are_stricter(policy: str) -> None:
    strict, usual = load_policy(policy).thresholds, load_policy("wire_transfer").thresholds
    assert strict.medium < usual.medium and strict.critical < usual.critical and strict.confidence > usual.confidence
    assert load_policy(policy).verification.required


MINIMAL = 'name = "own"\nversion = "0.1.0"\ntitle = "Own"\ndescription = "Ours."\n'


def write_policy(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_own_policy_states_only_what_differs(tmp_path: Path) -> None:
    text = (
        'extends = "wire_transfer"\nname = "own"\n[lists]\nwatched_countries = ["xx"]\n'
        '[[multipliers]]\nid = "large_amount"\ninput = "amount"\nabove = 10\nfactor = 2\nreason = "Ours."\n'
    )
    own = load_policy(write_policy(tmp_path, text))
    assert [m.id for m in own.multipliers] == [m.id for m in load_policy("wire_transfer").multipliers]
    context = {**SAFE, "amount": 11, "destination_country": "XX"}
    assert route(make_verdict(0.1), context=context, policy=own).composite_risk == pytest.approx(0.26)
    assert route(make_verdict(0.1), context=context, policy=str(tmp_path / "own.toml")).policy == "own"
    assert own.sha256 != load_policy("wire_transfer").sha256


def test_the_hash_of_a_policy_does_not_see_comments(tmp_path: Path) -> None:
    plain = load_policy(write_policy(tmp_path, MINIMAL)).sha256
    assert load_policy(write_policy(tmp_path, "# a comment\n" + MINIMAL)).sha256 == plain


AMOUNT = '[inputs.amount]\nkind = "number"\ndescription = "Amount"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "not valid TOML"),
        ('name = "own"\n', "has no 'version'"),
        (MINIMAL + "[thresholds]\nmedium = 1.5\n", "thresholds.medium = 1.5"),
        (MINIMAL + "[thresholds]\nmedium = true\n", "thresholds.medium = True"),
        (MINIMAL + "[thresholds]\nhigh = 0.9\n", "do not rise: 0.4, 0.55, 0.9, 0.85"),
        (MINIMAL + "[thresholds]\nmedum = 0.3\n", "Did you mean 'medium'?"),
        (MINIMAL + '[abstention]\naction = "ALLOW"\n', "abstention.action = 'ALLOW'"),
        (MINIMAL + '[labels]\nuncertain = "BLOCK"\n', "label actions that do not rise"),
        (MINIMAL + '[verification]\nmissing = "BLOCK"\n', "may not be milder than a missing one"),
        (MINIMAL + '[verification]\nrequired = "yes"\n', "Allowed: true, false"),
        (MINIMAL + "unknown = 1\n", "unknown key 'unknown'"),
        (MINIMAL + "thresholds = 3\n", "a table [thresholds]"),
        (MINIMAL + '[lists]\nbad = ["Iran"]\n', "lists.bad = ['Iran']"),
        (MINIMAL + '[inputs.a]\nkind = "numbr"\ndescription = "A"\n', "Did you mean 'number'?"),
        (MINIMAL + '[inputs.a]\nkind = "code"\ndescription = "A"\n', "has no 'inputs.a.allowed'"),
        (MINIMAL + '[[multipliers]]\nid = "m"\ninput = "amount"\n', "multipliers[0].input = 'amount'"),
        (
            MINIMAL + AMOUNT + '[[multipliers]]\nid = "m"\ninput = "amount"\nabove = 1\nfactor = 0.9\nreason = "R"\n',
            "multipliers[0].factor = 0.9, which is not allowed. Allowed: a number from 1 to 100",
        ),
        (
            MINIMAL
            + AMOUNT
            + '[[rules]]\nid = "r"\naction = "BLOK"\nreason = "R"\nwhen = [{input="amount",above=1}]\n',
            "Did you mean 'BLOCK'?",
        ),
        (
            MINIMAL
            + AMOUNT
            + '[[rules]]\nid = "r"\naction = "BLOCK"\nreason = "R"\nwhen = [{input="amount",below=1}]\n',
            "rules[0].when[0]",
        ),
        (MINIMAL + '[[rules]]\nid = "r"\naction = "BLOCK"\nreason = "R"\n', "rules[0]"),
        ('extends = "wire"\n' + MINIMAL, "extends = 'wire'"),
        (
            MINIMAL + AMOUNT + 2 * '[[multipliers]]\nid = "m"\ninput = "amount"\nabove = 1\nfactor = 2\nreason = "R"\n',
            "uses the id 'm' more than once",
        ),
    ],
)
def test_a_wrong_policy_is_refused_by_file_key_and_value(tmp_path: Path, text: str, said: str) -> None:
    path = write_policy(tmp_path, text)
    with pytest.raises(AudioUsageError) as caught:
        load_policy(path)
    assert said in str(caught.value) and "own.toml" in str(caught.value)
    assert caught.value.hint


def test_unknown_names_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioUsageError, match=r"Did you mean 'wire_transfer'\?"):
        load_policy("wire_transfr")
    with pytest.raises(AudioUsageError, match="cannot be read: No such file"):
        load_policy(tmp_path / "none.toml")
    large = write_policy(tmp_path, "#" * (1 << 20) + "\n" + MINIMAL)
    with pytest.raises(AudioUsageError, match="larger than 1 MiB"):
        load_policy(large)


PAGE = (Path(__file__).parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list_policies())
def test_every_policy_and_input_is_documented(name: str) -> None:
    assert f"| `{name}` |" in PAGE
    assert all(f"`{field}`" in PAGE for field in load_policy(name).inputs)


def test_every_exit_code_is_documented() -> None:
    assert all(f"| `{action}` | {code} |" in PAGE for action, code in EXIT_CODES.items())


def test_the_example_of_the_page_is_a_valid_policy(tmp_path: Path) -> None:
    text = PAGE.split("```toml\n")[1].split("```")[0]
    assert load_policy(write_policy(tmp_path, text)).currency == "NGN"
