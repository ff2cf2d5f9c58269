"""A message says what matters, within its budget, and nothing that a stranger wrote does anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_batch.config import Config
from sentinel_batch.errors import ConfigurationError
from sentinel_batch.notify import Brief, compose_message, make_example, tame


def suspects(*severities: str) -> list[dict[str, str]]:
    return [{"suspect": f"+23480{n}", "severity": name, "reason": "why"} for n, name in enumerate(severities)]


def compose(brief: Brief, **settings: object) -> str:
    message = compose_message(brief, Config(**settings))  # type: ignore[arg-type]
    return "" if message is None else f"{message.title}\n{message.body}"


@pytest.mark.parametrize(
    ("facts", "settings", "said"),
    [
        ({}, {}, ""),
        ({"new": suspects("MEDIUM", "LOW")}, {}, ""),
        ({"new": suspects("HIGH")}, {}, "1 new HIGH"),
        ({"new": suspects("HIGH")}, {"notify_floor": "CRITICAL"}, ""),
        ({"new": suspects("LOW")}, {"notify_floor": "LOW"}, "1 new LOW"),
        ({"grown": suspects("CRITICAL")}, {}, "1 grown"),
        ({"troubles": [{"what": "a.csv.gz", "message": "cut short"}]}, {}, "- a.csv.gz: cut short"),
        ({"outcome": "failed"}, {}, "THE NIGHT FAILED"),
        ({}, {"notify_always": True}, "nothing new"),
    ],
)
def test_there_is_a_message_only_if_there_is_something_to_say(
    facts: dict[str, object], settings: dict[str, object], said: str
) -> None:
    text = compose(Brief(**({"lake": "lagos", "date": "2026-01-21", "outcome": "done"} | facts)), **settings)  # type: ignore[arg-type]
    assert (said in text) if said else (text == "")


def test_the_budget_limits_what_is_named_and_the_rest_is_counted() -> None:
    brief = Brief("lagos", "2026-01-21", "done", new=suspects(*["HIGH"] * 30))
    text = compose(brief, notify_budget=3)
    assert text.count("\n- HIGH") == 3 and "- and 27 more" in text and "30 new HIGH" in text


@pytest.mark.parametrize(
    "hostile",
    [
        "<!channel> @everyone",
        "<script>alert(1)</script>",
        "[click](http://evil.example)",
        "https://evil.example/x",
        "www.evil.example",
        "a\r\nBcc: everybody@example.org",
        "`rm -rf /` $(reboot)",
        "\u202egnp.exe",
        "x" * 5000,
    ],
)
def test_nothing_from_outside_is_more_than_text(hostile: str) -> None:
    plain = tame(hostile)
    assert not set(plain) & set('<>@[]`$&|*\r\n\u202e/\\"')
    assert "://" not in plain and "www." not in plain and len(plain) <= 80
    brief = Brief("lagos", "2026-01-21", "partial", troubles=[{"what": hostile, "message": hostile}])
    brief.new.append({"suspect": hostile, "severity": "HIGH", "reason": hostile})
    text = compose(brief)
    assert hostile not in text and "Bcc:" not in text.splitlines()


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    template = tmp_path / "message.txt"
    template.write_text("$lake lost something for $$5:\n$troubles\n", encoding="utf-8")
    assert "lake lost something for $5:" in compose(make_example(Config()), notify_template=template)


@pytest.mark.parametrize("text", ["$nobody", "${lake", "$lake $", None])
def test_a_template_that_cannot_be_filled_in_says_what_is_allowed(tmp_path: Path, text: str | None) -> None:
    template = tmp_path / "message.txt"
    if text is not None:
        template.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"message\.txt") as caught:
        compose(make_example(Config()), notify_template=template)
    assert "notify" in caught.value.hint and (text is None or "$troubles" in caught.value.message)
