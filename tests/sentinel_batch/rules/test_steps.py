"""Steps: how they are called, what their headers promise, expressions one by one."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel

from sentinel_batch.errors import RuleError
from sentinel_batch.rules import list_rules, load_rule
from sentinel_batch.rules.documentation import render_steps
from sentinel_batch.rules.expansion import Expansion
from sentinel_batch.rules.steps import STEPS, Step, list_steps, load_step
from tests.sentinel_batch.rules.own_rules import SWEEP, make_rule, write_rule
from tests.sentinel_batch.rules.step_trials import LADDER, at, call, expand, run_sql

ALL = [load_step(name) for name in list_steps()]
WHOLE = [step for step in ALL if step.adds and step.example]
INNER = ("slide", "ranking")


@pytest.mark.parametrize("step", ALL, ids=lambda step: step.name)
class TestStep:
    def test_says_what_it_is_for(self, step: Step) -> None:
        assert step.description.endswith((".", ")"))
        assert step.example or step.name in INNER
        assert all(argument.description.endswith(".") for argument in step.arguments.values())

    def test_binds_what_it_says(self, step: Step) -> None:
        bound = set(re.findall(r"\$(\w+)", step.body)) - {"since", "until", "window", "window_seconds"}
        assert bound == set(step.binds)

    def test_is_used(self, step: Step) -> None:
        called = re.compile(rf"\{{\{{\s*{step.name}\(")
        texts = [rule.read_sql() for rule in list_rules()] + [other.body for other in ALL]
        assert any(called.search(text) for text in texts)


@pytest.mark.parametrize("step", WHOLE, ids=lambda step: step.name)
def test_a_step_adds_the_names_that_it_says(step: Step) -> None:
    sql = f"WITH {expand(step.example)} SELECT 1"
    into = re.search(r'into="(\w+)"', step.example)
    names = [cte.alias for cte in sqlglot.parse_one(sql, dialect="duckdb").find_all(exp.CTE)]
    assert names == [name.replace("INTO", into[1] if into else "") for name in step.adds]
    sqlglot.transpile(sql, read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE)


def test_the_page_of_steps_is_current() -> None:
    page = STEPS.parents[2] / "docs" / "steps.md"
    assert page.read_text(encoding="utf-8") == render_steps(), "docs/steps.md is stale: run make docs"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{{ swep('calls') }}", "There is no step 'swep'.", "Did you mean 'sweep'?"),
        ("{{ zzz() }}", "There is no step 'zzz'.", "The steps are: after, bursts"),
        ("{{ sweep }}", "there is no step 'sweep'.", "A step is called: sweep()."),
        ("{{ sweep() }}", "step sweep needs 'calls'.", "It takes: sweep(calls, by="),
        ("{{ sweep('calls', sum=['x']) }}", "step sweep has no argument 'sum'.", "Did you mean 'sums'?"),
        ("{{ sweep('calls', calls='x') }}", "step sweep is given 'calls' twice.", "It takes: sweep(calls"),
        ("{{ severity('x') }}", "step severity takes no arguments.", "the [[severity]] tables"),
        ("{{ completed('x') }}", "step completed has 1 arguments.", "It takes: completed()."),
        ("{{ sweep('a b') }}", "step sweep is given calls = 'a b'.", "calls is the name of a table"),
        ("{{ sweep('calls', sums='x') }}", "step sweep is given sums = 'x'.", "a list of columns"),
        ("{{ sweep('calls', sums=[none]) }}", "step sweep is given sums = [None].", "a list of columns"),
        ("{{ days_without_peers('days', ['2 * a']) }}", "is given figures = ['2 * a'].", "or of figures with their"),
        (
            "{{ days_without_peers('days', ['1); x AS y']) }}",
            "is given figures = ['1); x AS y'].",
            "2 * column AS name",
        ),
        ("{{ sweep('calls', window='1; x') }}", "step sweep is given window = '1; x'.", "such as $window"),
        ("{{ worst('calls', order=['x']) }}", "step worst is given order = ['x'].", "with their direction"),
        ("{{ sweep(calls) }}", "calls is not an argument here.", 'Texts need quotes: "calls".'),
        ("{{ sweep('calls', **x) }}", "does not call a step.", "Write a step's name and its arguments"),
        ("{{ open('x').read() }}", "does not call a step.", "Write a step's name and its arguments"),
        ("{{ sweep(f'{x}') }}", "does not call a step.", "Write a step's name and its arguments"),
        ("{{ sweep('calls' }}", "does not call a step.", "Write a step's name and its arguments"),
        ("{{ sweep('calls')", "{{ is not allowed, or a call is not closed.", "has no blocks"),
        ("{% if x %}", "{% is not allowed, or a call is not closed.", "has no blocks"),
    ],
)
def test_a_wrong_call_is_named_with_its_line(text: str, message: str, hint: str) -> None:
    with pytest.raises(RuleError) as caught:
        expand(f"SELECT\n{text}")
    assert caught.value.message.startswith("TEST_001.sql:2: ")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_braces_in_comments_and_texts_are_left_alone() -> None:
    text = "-- {{ no }}\nSELECT '{{ no }}' /* {% no %} */ FROM a"
    assert expand(text) == text


def test_every_line_knows_where_it_comes_from() -> None:
    lines = Expansion(LADDER).expand(SWEEP, "TEST_001.sql")
    by_text = {line.text.strip(): (line.file, line.number, line.steps) for line in lines}
    assert by_text["instants AS ("] == ("TEST_001.sql", 2, ("sweep", "slide"))
    assert by_text["qualifying AS ("] == ("TEST_001.sql", 4, ())
    assert by_text["WHEN calls >= 3 THEN 3"] == ("TEST_001.toml", 1, ())
    end = "END AS severity, 0.5 AS confidence FROM windows WHERE calls > 2"
    assert by_text[end] == ("TEST_001.sql", 5, ())


def test_a_call_of_several_lines_is_one_line_of_the_rule() -> None:
    lines = Expansion(LADDER).expand("WITH\n{{ tiles(\n    'calls',\n) }}\nSELECT 1", "TEST_001.sql")
    assert (lines[1].text, lines[1].number) == ("tiles AS (", 2)
    assert (lines[-1].text, lines[-1].number) == ("SELECT 1", 5)


def test_a_step_that_goes_round_in_circles_is_stopped(tmp_path: Path) -> None:
    write_step(tmp_path, "round", "{{ round() }}")
    with pytest.raises(RuleError, match="step round calls itself"):
        assert make_rule(tmp_path, "SELECT {{ round() }}").queries


def write_step(folder: Path, name: str, body: str, header: str = 'description = "Of our own."') -> None:
    (folder / "steps").mkdir(exist_ok=True)
    (folder / "steps" / f"{name}.sql").write_text(f"/*\n{header}\n*/\n\n{body}\n", encoding="utf-8")


def test_a_book_may_have_steps_of_its_own(tmp_path: Path) -> None:
    header = 'description = "Long calls."\n[arguments.seconds]\nkind = "value"\ndescription = "How long."'
    write_step(tmp_path, "long_calls", "duration_seconds > {{ seconds }}", header)
    rule = make_rule(tmp_path, "SELECT 1 FROM examined_calls WHERE {{ long_calls(60) }}")
    assert rule.queries["sliding"].endswith("WHERE duration_seconds > 60")


@pytest.mark.parametrize(
    ("name", "header", "message"),
    [
        ("sweep", 'description = "Ours."', "sweep.sql: there is a shipped step sweep"),
        ("ours", 'colour = "red"', "ours.sql:1: the step's header cannot be read"),
        ("ours", "description = ", "ours.sql:1: the step's header cannot be read"),
        (
            "ours",
            'description = "X."\n[arguments.a]\nkind = "word"\ndescription = "A."',
            "the step's header cannot be read",
        ),
        (
            "ours",
            'description = "X."\n[arguments.a]\nsort = "word"\ndescription = "A."',
            "the step's header cannot be read",
        ),
    ],
)
def test_a_wrong_step_of_one_s_own_is_named(name: str, header: str, message: str, tmp_path: Path) -> None:
    write_step(tmp_path, name, "1", header)
    with pytest.raises(RuleError, match=re.escape(message)):
        assert make_rule(tmp_path, f"SELECT {{{{ {name}('calls') }}}}").queries


def test_completed() -> None:
    calls = [
        call("a", "b", 0, 0, answered=None),
        call("b", "b", 0, 5, answered=None),
        call("c", "b", 0, 0, answered=True),
        call("d", "b", 0, 5, answered=False),
    ]
    rows = run_sql("SELECT caller_number FROM calls WHERE {{ completed() }}", {"calls": calls})
    assert [row["caller_number"] for row in rows] == ["b", "c"]


@pytest.mark.parametrize(("calls", "severity"), [(2, 1), (3, 3)])
def test_severity(calls: int, severity: int) -> None:
    assert run_sql("SELECT {{ severity() }} AS s FROM t", {"t": [{"calls": calls}]}) == [{"s": severity}]


def test_tile() -> None:
    tables = {"t": [{"call_timestamp": at(minutes)} for minutes in (-0.001, 0, 9.999, 10)]}
    rows = run_sql("SELECT {{ tile('$window_seconds') }} AS tile FROM t", tables)
    first = rows[0]["tile"]
    assert [row["tile"] - first for row in rows] == [0, 1, 1, 2]


@pytest.mark.parametrize(("seconds", "days"), [(300, 2), (82_800, 2), (82_801, 3), (86_400, 3), (604_800, 9)])
def test_days_touched(seconds: int, days: int) -> None:
    [row] = run_sql("SELECT {{ days_touched() }} AS days FROM t", {"t": [{"x": 1}]}, {"window_seconds": seconds})
    assert row["days"] == days


def test_great_circle() -> None:
    places = [{"a": 6.4541, "b": 3.3947, "c": 9.0579, "d": 7.4951}, {"a": 90.0, "b": 0.0, "c": -90.0, "d": 0.0}]
    rows = run_sql("SELECT {{ great_circle('a', 'b', 'c', 'd') }} AS km FROM t", {"t": places})
    assert rows[0]["km"] == pytest.approx(536.8, abs=0.5)  # Lagos to Abuja
    assert rows[1]["km"] == pytest.approx(math.pi * 6371)


def test_place() -> None:
    rows = [
        {"g": "x", "n": 1, "m": 2},
        {"g": "x", "n": 3, "m": 1},
        {"g": "x", "n": None, "m": 1},
        {"g": "y", "n": 1, "m": 1},
    ]
    found = run_sql("SELECT g, n, {{ place(['n DESC', 'm ASC'], within=['g']) }} AS place FROM t", {"t": rows})
    assert {(row["g"], row["n"]): row["place"] for row in found} == {
        ("x", 3): 1,
        ("x", 1): 2,
        ("x", None): 3,
        ("y", 1): 1,
    }


def test_call_figures() -> None:
    calls = [call("a", "x", 0, 10), call("a", "x", 1, 20), call("a", "y", 2, 60)]
    [row] = run_sql("SELECT {{ call_figures() }} FROM calls GROUP BY caller_number", {"calls": calls})
    assert row == {"calls": 3, "destinations": 2, "average": 30.0}


@pytest.mark.parametrize(("is_trailing", "inside"), [(False, [1]), (True, [0, 1])])
def test_after(is_trailing: bool, inside: list[int]) -> None:
    tables = {"calls": [{"at": at(minute), "minute": minute, "start": at(0)} for minute in (-1, 0, 1)]}
    text = "SELECT minute FROM calls WHERE {{ after('calls', 'at', 'start') }}"
    assert [row["minute"] for row in run_sql(text, tables, is_trailing=is_trailing)] == inside


def test_rules_of_a_folder_share_its_steps(tmp_path: Path) -> None:
    write_step(tmp_path, "half", "0.5")
    path = write_rule(tmp_path / "night", "SELECT {{ half() }}")
    (tmp_path / "pack.toml").write_text('name = "p"\nversion = "1"\nlicence = "MIT"\ndescription = "P."\n')
    assert load_rule(path).queries == {"sliding": "SELECT 0.5"}
