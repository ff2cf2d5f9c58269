"""The model of callers: features, split, training, calibration, storage, reasons."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from alert_samples import finding, frame
from polars.testing import assert_frame_equal

from sentinel_batch.alerts import record_alerts, review_alerts
from sentinel_batch.desk import open_desk
from sentinel_batch.errors import ModelError
from sentinel_batch.lake import Lake
from sentinel_batch.learning import (
    evaluate_model,
    explain_caller,
    open_model,
    score_callers,
    train_model,
)
from sentinel_batch.learning.examples import collect_examples
from sentinel_batch.learning.features import describe_callers
from sentinel_batch.learning.figures import FEATURE_NAMES, FEATURES
from sentinel_batch.learning.history import last_day
from sentinel_batch.learning.model import Model
from sentinel_batch.learning.sampling import assign_folds
from sentinel_batch.learning.scoring import word_reasons
from sentinel_batch.learning.training import fit_model
from sentinel_batch.learning.wording import WORDS
from sentinel_batch.scores import rank_suspects
from sentinel_batch.scores.queue import rank_queue
from tests.sentinel_batch.learning.learning_samples import FIRST, daily_profile, draw_profiles, draw_truth

ROUNDS = 30
BOX_SIM = "+2348060000000"


def _replace_profiles(monkeypatch: pytest.MonkeyPatch, profiles: pl.DataFrame) -> None:
    days = profiles.select("local_date", "day_start", "day_end").unique().sort("local_date")
    monkeypatch.setattr("sentinel_batch.learning.examples.list_days", lambda desk: days)
    monkeypatch.setattr("sentinel_batch.learning.scoring.find_last_day", lambda desk, until: last_day(days, until))
    for module in ("examples", "scoring"):
        monkeypatch.setattr(
            f"sentinel_batch.learning.{module}.load_profiles",
            lambda desk, first, last: profiles.filter(pl.col("local_date").is_between(first, last)).lazy(),
        )


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake whose profiles are drawn at random, with its truth."""
    _replace_profiles(monkeypatch, draw_profiles())
    made = Lake.create(tmp_path / "lake")
    (made.path / "simulation").mkdir()
    draw_truth().write_parquet(made.path / "simulation" / "truth.parquet")
    return made


@pytest.fixture(scope="module")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Model:
    with pytest.MonkeyPatch.context() as patch:
        _replace_profiles(patch, draw_profiles())
        made = Lake.create(tmp_path_factory.mktemp("model") / "lake")
        (made.path / "simulation").mkdir()
        draw_truth().write_parquet(made.path / "simulation" / "truth.parquet")
        return train_model(made, rounds=ROUNDS)


@pytest.fixture
def model(_trained: Model) -> Model:
    """A model trained on eight boxes."""
    return _trained


# -- features


def test_every_figure_has_words_of_its_own() -> None:
    said = [words for feature in FEATURES for words in WORDS[feature.name]]
    assert set(WORDS) == {feature.name for feature in FEATURES}
    assert len(set(said)) == len(said)
    assert not [words for words in said if "_" in words or "unknown" in words]


def test_features_are_those_of_the_trailing_days() -> None:
    rows = [daily_profile("+1001", day, call_count=10 * (day + 1)) for day in range(5)]
    found = describe_callers(pl.DataFrame(rows), until=FIRST + timedelta(days=3), days=2).row(0, named=True)
    assert found["active_share"] == 1
    assert found["calls_per_day"] == pytest.approx(0)  # It is the only busy caller there is.
    assert found["day"] == FIRST + timedelta(days=3)


def test_shares_of_new_callees_leave_out_days_without_history() -> None:
    rows = [
        daily_profile("+1001", 0, history_days=0, unique_callees=10, new_callees=10, callees_calling_back=0),
        daily_profile("+1001", 3, history_days=3, unique_callees=10, new_callees=4, callees_calling_back=5),
        daily_profile("+1002", 3, history_days=3, unique_callees=9, new_callees=9, callees_calling_back=0),
    ]
    other = describe_callers(pl.DataFrame(rows), until=FIRST + timedelta(days=3), days=7).row(1, named=True)
    # The first is busier, so the second is compared with it.
    assert other["new_callee_share"] == pytest.approx(1 - 0.4)
    assert other["reciprocity"] == pytest.approx(0 - 0.5)
    early = describe_callers(pl.DataFrame(rows[:1]), until=FIRST, days=7).row(0, named=True)
    assert early["new_callee_share"] is None


def test_neighbours_and_handsets_count_others_of_the_same_place() -> None:
    one_way = {"incoming_calls": 0, "unique_callees": 9, "first_cell": "A", "top_imei": "bank"}
    rows = [daily_profile(f"+100{n}", 0, **one_way) for n in range(3)] + [daily_profile("+1009", 0, first_cell="A")]
    found = describe_callers(pl.DataFrame(rows), until=FIRST, days=1)
    neighbours = found["one_way_neighbours"].exp() * (2 + 1) - 1  # Busy callers have 2 each.
    assert neighbours.to_list() == pytest.approx([2, 2, 2, 3])
    assert found["numbers_on_handset"].to_list() == [3, 3, 3, 1]
    unknown = pl.DataFrame([daily_profile("+1001", 0, top_imei=None)]).with_columns(pl.col("top_imei").cast(pl.String))
    assert describe_callers(unknown, until=FIRST, days=1)["numbers_on_handset"].to_list() == [None]


def test_figures_do_not_depend_on_volume_length_or_numbering() -> None:
    profiles = draw_profiles(honest=80, boxes=2, days=8)
    volumes = ("call_count", "unique_callees", "new_callees", "callees_calling_back", "incoming_calls", "total_minutes")
    twice = profiles.with_columns(pl.col(volumes) * 2, prefix_concentration=pl.lit(0.9))
    names = ("calls_per_day", "most_callees", "minutes_per_day", "new_callee_share", "incoming_per_call")
    until = FIRST + timedelta(days=7)
    plain, other = (describe_callers(rows, until=until, days=7).select(names) for rows in (profiles, twice))
    assert np.allclose(plain.to_numpy(), other.to_numpy(), atol=1e-9, equal_nan=True)
    short = describe_callers(profiles.filter(pl.col("local_date") > until - timedelta(days=3)), until=until, days=7)
    assert short["active_share"].max() == 1
    assert short["cell_changes"].max() == 0


@pytest.mark.parametrize("at_once", [1, 5, 100])
def test_numbers_described_in_stretches_are_as_all_at_once(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    profiles, until = draw_profiles(honest=30, boxes=2, days=8), FIRST + timedelta(days=7)
    whole = describe_callers(profiles, until=until, days=7)
    monkeypatch.setattr("sentinel_batch.learning.features.ROWS_AT_ONCE", at_once)
    # Polars adds up a stretch in another order than all rows: the last digit may differ.
    assert_frame_equal(describe_callers(profiles, until=until, days=7), whole, rel_tol=1e-12)
    assert whole["number"].is_sorted()


def test_missing_columns_are_named() -> None:
    profiles = draw_profiles(honest=2, boxes=0, days=1).drop("new_callees", "gap_cv")
    with pytest.raises(ModelError, match="lack the columns gap_cv, new_callees"):
        describe_callers(profiles, until=FIRST, days=1)


def test_every_feature_can_be_said_in_words() -> None:
    assert [feature.name for feature in FEATURES if "{" not in feature.words] == []
    words = {feature.name: feature for feature in FEATURES}
    assert words["new_callee_share"].spell(0.97) == "share of new callees +97 % from busy callers"
    assert words["new_callee_share"].spell(None) == "too few days in the lake to say which callees are new"
    assert words["night_share_z"].spell(math.nan) == "whether it calls at night more than its segment is not known"
    assert words["imsis_per_day"].spell(0.0) == "its calls name no SIM identity (IMSI)"
    assert words["imsis_per_day"].spell(2.0) == "up to 2 SIM identities in a day"
    assert words["one_way_neighbours"].spell(0.01).startswith("about as many numbers that hardly anybody calls")
    assert words["night_share_z"].spell(-0.01) == "calls at night as its segment does"
    assert words["callees_to_segment"].spell(1.0) == "about as many callees as its segment"
    assert words["callees_to_segment"].spell(0.0) == "0.0 times the callees of its segment"
    assert words["calls_rise"].spell(0.0) == "calls as on its own days before"
    assert words["calls_per_day"].spell(math.log(3)) == "3.0 times the calls of busy callers"


# -- examples and split


def test_truth_labels_numbers_while_their_fraud_lasts(lake: Lake) -> None:
    truth = draw_truth().with_columns(first_day=pl.lit(FIRST + timedelta(days=8)))
    truth.write_parquet(lake.path / "simulation" / "truth.parquet")
    examples = collect_examples(open_desk(lake).snapshot(), labels="truth", step_days=2)
    by_day = dict(examples.group_by("day").agg(pl.col("label").sum()).iter_rows())
    assert {day for day, count in by_day.items() if count} == {FIRST + timedelta(days=d) for d in (9, 11)}
    assert by_day[FIRST + timedelta(days=9)] == 32
    assert examples.filter(pl.col("label") == 1)["group"].n_unique() == 8


def test_a_drawn_background_stands_for_all(lake: Lake) -> None:
    examples = collect_examples(open_desk(lake).snapshot(), labels="truth", step_days=30, background=50)
    ordinary = examples.filter(pl.col("label") == 0)
    assert 20 < ordinary.height < 100
    assert ordinary["weight"].sum() == pytest.approx(300)
    again = collect_examples(open_desk(lake).snapshot(), labels="truth", step_days=30, background=50)
    assert again.equals(examples)


def test_numbers_on_one_handset_are_one_group(lake: Lake) -> None:
    examples = collect_examples(open_desk(lake).snapshot(), labels="verdicts", step_days=30)
    boxes = examples.filter(pl.col("number").str.starts_with("+234806"))
    assert boxes["group"].n_unique() == 16
    assert boxes["group"].str.starts_with("handset box").all()


def test_verdicts_label_the_day_of_the_alert_and_overrule_the_truth(lake: Lake) -> None:
    record_alerts(frame(finding(48, 60, suspect=BOX_SIM), finding(48, 60, suspect="+2348030000001")), lake=lake)
    review_alerts([1, 2], disposition="false-positive", lake=lake)
    labels = collect_examples(open_desk(lake).snapshot(), labels="both").filter(pl.col("source") == "verdict")
    assert labels.select("number", "label").rows() == [("+2348030000001", 0), (BOX_SIM, 0)]
    assert labels["day"].unique().to_list() == [FIRST + timedelta(days=1)]
    alone = collect_examples(open_desk(lake).snapshot(), labels="verdicts")
    assert alone["source"].unique().sort().to_list() == ["background", "verdict"]


def test_folds_keep_groups_together_and_spread_fraud() -> None:
    groups = [f"g{n}" for n in range(200) for _ in range(3)]
    labels = [int(n < 40) for n in range(200) for _ in range(3)]
    folded = assign_folds(pl.DataFrame({"group": groups, "label": labels}), seed=1)
    assert folded.group_by("group").agg(pl.col("fold").n_unique())["fold"].max() == 1
    fraud = folded.filter(pl.col("label") == 1).group_by("fold").agg(pl.col("group").n_unique())
    assert fraud["group"].to_list() == [4] * 10


# -- training


def test_a_model_tells_boxes_from_call_centres(model: Model) -> None:
    figures = model.figures
    assert figures["fraud_numbers"] >= 8
    assert figures["average_precision"] > 0.95
    assert model.training["training"]["last_day"] < model.training["held_out_since"]


def test_training_is_repeatable_and_the_seed_matters(lake: Lake, model: Model) -> None:
    assert train_model(lake, rounds=ROUNDS).version == model.version
    assert train_model(lake, rounds=ROUNDS, seed=2).version != model.version


def test_probabilities_hold_at_the_base_rate(lake: Lake, model: Model) -> None:
    honest = score_callers(lake=lake, model=model).filter(pl.col("number").str.starts_with("+234803"))
    assert honest["probability"].mean() < 0.02
    higher = score_callers(lake=lake, model=model, base_rate=0.5)["probability"].mean()
    assert isinstance(higher, float) and higher > score_callers(lake=lake, model=model)["probability"].to_numpy().mean()


def test_more_incoming_calls_never_raise_the_score(model: Model) -> None:
    place = FEATURE_NAMES.index("incoming_per_call")
    values = np.full((50, len(FEATURE_NAMES)), np.nan, dtype=np.float32)
    values[:, place] = np.linspace(0, 2, 50)
    assert (np.diff(model.score(values)) <= 1e-6).all()


def test_too_few_labels_are_counted(lake: Lake) -> None:
    record_alerts(frame(finding(48, 60, suspect=BOX_SIM)), lake=lake)
    review_alerts(1, disposition="confirmed", lake=lake)
    with pytest.raises(ModelError, match="too few labels: 1 fraudulent numbers; at least 10"):
        train_model(lake, labels="verdicts")


def test_one_box_is_not_enough(lake: Lake) -> None:
    examples = collect_examples(open_desk(lake).snapshot(), labels="truth").with_columns(
        group=pl.when(pl.col("label") == 1).then(pl.lit("one")).otherwise("group")
    )
    with pytest.raises(ModelError, match="form 1 groups; at least 3"):
        fit_model(examples, window_days=7)


def test_labels_need_a_source_and_a_truth(lake: Lake) -> None:
    with pytest.raises(ModelError, match=r"Labels cannot come from 'guesses'"):
        train_model(lake, labels="guesses")
    (lake.path / "simulation" / "truth.parquet").unlink()
    with pytest.raises(ModelError, match="the calls are not simulated"):
        train_model(lake, labels="truth")
    draw_truth().drop("box_id").write_parquet(lake.path / "simulation" / "truth.parquet")
    with pytest.raises(ModelError, match="lacks the columns box_id"):
        train_model(lake, labels="truth")
    (lake.path / "simulation" / "truth.parquet").write_bytes(b"PAR1 no PAR1")
    with pytest.raises(ModelError, match=r"truth\.parquet cannot be read"):
        train_model(lake, labels="truth")


def test_a_base_rate_is_a_share(lake: Lake) -> None:
    with pytest.raises(ModelError, match=r"base rate 1\.5 is not allowed"):
        train_model(lake, base_rate=1.5)


@pytest.mark.parametrize("setting", [{"window_days": 0}, {"threshold": float("nan")}, {"seed": -1}])
def test_a_setting_that_no_model_can_have_is_refused(lake: Lake, setting: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="is not allowed") as caught:
        train_model(lake, **setting)
    assert caught.value.hint.startswith("Allowed: ")


def test_evaluation_counts_numbers_once(lake: Lake, model: Model) -> None:
    figures = evaluate_model(model, lake, labels="truth")
    assert (figures["numbers"], figures["fraud_numbers"]) == (332, 32)
    assert [row["strategy"] for row in figures["recall_by_kind"]] == ["capped", "naive"]
    assert sum(band["rows"] for band in figures["reliability"]) == figures["rows"]


# -- storage


def test_a_saved_model_scores_the_same(lake: Lake, model: Model, tmp_path: Path) -> None:
    folder = model.save(tmp_path / "m")
    again = open_model(folder)
    assert again.version == model.version
    assert score_callers(lake=lake, model=folder).equals(score_callers(lake=lake, model=model))
    assert (folder / "model.json").stat().st_size < 1_000_000
    card = (folder / "CARD.md").read_text()
    assert "trained on simulated calls only" in card
    assert f"# Model of callers {model.version}" in card
    assert "| held out for the figures |" in card


def test_damaged_models_are_refused(model: Model, tmp_path: Path) -> None:
    folder = model.save(tmp_path / "m")
    file = folder / "model.json"
    document = json.loads(file.read_text())

    def broken(**changes: Any) -> str:
        file.write_text(json.dumps(document | changes))
        with pytest.raises(ModelError) as caught:
            open_model(folder).score(np.zeros((1, len(FEATURE_NAMES)), dtype=np.float32))
        return str(caught.value)

    assert "has format 99; this version reads format 1" in broken(format=99)
    assert "was trained with feature set '0'" in broken(feature_set="0")
    assert "was trained with feature set" in broken(features=None)
    assert "is damaged: TypeError" in broken(calibration={})
    assert "is damaged: ValueError" in broken(calibration={**document["calibration"], "slope": float("nan")})
    assert "window_days = 0 is not allowed." in broken(window_days=0)
    assert "threshold = 7.0 is not allowed." in broken(threshold=7)
    assert "trees are damaged" in broken(booster={"learner": {}})
    file.write_text("{")
    with pytest.raises(ModelError, match="cannot be read as a model"):
        open_model(folder)
    with pytest.raises(ModelError, match="There is no model at"):
        open_model(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="There is no model at"):
        open_model("x" * 300)


def test_a_model_that_cannot_be_written_says_so(model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        model.save(tmp_path / "file" / "below")


# -- reasons and the queue


def test_contributions_add_up_to_the_log_odds(lake: Lake, model: Model) -> None:
    found = explain_caller(BOX_SIM, lake=lake, model=model)
    assert found.start + found.contributions["contribution"].sum() == pytest.approx(found.log_odds)
    assert found.contributions["contribution"].abs().is_sorted(descending=True)
    assert found.probability == pytest.approx(1 / (1 + np.exp(-found.log_odds)))
    assert set(found.contributions["feature"]) == set(FEATURE_NAMES)


def test_a_number_without_calls_cannot_be_explained(lake: Lake, model: Model) -> None:
    with pytest.raises(ModelError, match=r"'\+1' made no call in the 7 days"):
        explain_caller("+1", lake=lake, model=model)


def test_reasons_are_words_with_signed_parts(lake: Lake, model: Model) -> None:
    reasons = word_reasons(score_callers(lake=lake, model=model, numbers=[BOX_SIM]), model)[BOX_SIM]
    assert 1 <= len(reasons.speaking) <= 5
    assert {reason.rpartition(": ")[2][0] for reason in reasons.speaking} == {"+"}
    assert {reason.rpartition(": ")[2][0] for reason in reasons.against} <= {"-"}


def test_reasons_for_and_against_are_never_mixed(lake: Lake, model: Model) -> None:
    for number in ("+2348030000000", BOX_SIM):
        parts = explain_caller(number, lake=lake, model=model).contributions["contribution"].to_list()
        assert parts == sorted(parts, key=lambda part: (part <= 0, -abs(part)))
    queue = rank_suspects(lake=lake, model=model)
    signs = queue.select(pl.col("reasons", "reasons_against").list.join(" ")).row(0)
    assert ": -" not in signs[0] and ": +" not in signs[1]


def test_the_model_raises_numbers_and_hides_none(lake: Lake, model: Model) -> None:
    honest = "+2348030000001"
    record_alerts(frame(finding(suspect=honest, confidence=0.0), finding(suspect=BOX_SIM, confidence=0.0)), lake=lake)
    alone = rank_suspects(lake=lake)
    queue = rank_suspects(lake=lake, model=model)
    fused = dict(queue.select("suspect_number", "score").iter_rows())
    for number, score in alone.select("suspect_number", "score").iter_rows():
        assert fused[number] >= score
    assert fused[BOX_SIM] > fused[honest]
    raised = queue.filter(pl.col("rule_score") == 0)
    assert raised.height > 20
    assert (raised["model_probability"] >= model.threshold).all()
    assert raised["suspect_number"].str.starts_with("+234806").all()
    assert queue["rank"].to_list() == list(range(1, queue.height + 1))
    assert (raised["loss"] > 0).all() and raised["severity"].null_count() == 0
    assert all(raised["reasons"].list.len() > 0)


def test_the_model_of_the_settings_takes_part_unless_another_is_named(lake: Lake, model: Model, tmp_path: Path) -> None:
    desk = open_desk(lake, model=str(model.save(tmp_path / "m")))
    assert rank_suspects(lake=desk).equals(rank_suspects(lake=lake, model=model))
    other = train_model(lake, rounds=5)
    assert rank_suspects(lake=desk, model=other).equals(rank_suspects(lake=lake, model=other))
    assert not rank_suspects(lake=desk, model=other).equals(rank_suspects(lake=desk))
    assert rank_suspects(lake=desk, model="none").is_empty()


def test_a_model_of_the_settings_that_cannot_judge_says_so_and_hides_nothing(lake: Lake, tmp_path: Path) -> None:
    record_alerts(frame(finding(suspect=BOX_SIM)), lake=lake)
    desk = open_desk(lake, model=str(tmp_path / "absent"))
    queue = rank_queue(desk)
    assert queue.suspects["suspect_number"].to_list() == [BOX_SIM]
    assert queue.check is None
    [notice] = queue.notices
    assert "took no part" in notice and "absent" in notice
    with pytest.raises(ModelError):
        rank_queue(desk, model=str(tmp_path / "absent"))
    assert rank_queue(open_desk(lake, model="none")).notices == ()


def test_a_queue_without_suspects_needs_no_reasons(lake: Lake, model: Model) -> None:
    assert rank_suspects(lake=lake, model="simbox-simulated").is_empty()
    assert rank_suspects(lake=lake, model=model, limit=0).is_empty()
    assert model.attribute(np.empty((0, len(FEATURE_NAMES)), dtype=np.float32)).shape == (0, len(FEATURE_NAMES))


def test_several_lakes_are_learned_from_and_none_is_refused(lake: Lake, model: Model) -> None:
    both = train_model([open_desk(lake), lake.path], rounds=ROUNDS)
    assert both.training["all"]["rows"] == 2 * model.training["all"]["rows"]
    assert both.training["lakes"] == 2
    with pytest.raises(ModelError, match=r"No lake was named\."):
        train_model([])
    with pytest.raises(ModelError, match=r"No lake was named\."):
        evaluate_model(model, [])
