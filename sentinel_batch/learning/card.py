"""The model card: what a model was trained on, how it was measured, and where it must not be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentinel_batch.learning.figures import FEATURES

if TYPE_CHECKING:
    from sentinel_batch.learning.model import Model

_DIRECTIONS = {1: "never lowers", -1: "never raises", 0: "either way"}

_LIMITS = """\
- It ranks; it does not decide. It never takes a number out of the queue that a rule found.
- It knows the fraud that its labels show. Fraud of another kind may look honest to it.
- A probability holds for the base rate stated above and for callers like those of the training data. The rarer fraud
  is, the more held-out numbers it takes to measure the upper end; see the counts of the bands.
- A new subscriber has few days to go by, and a lake with less than three days of history has no shares of new callees.
- Verdicts label what was alerted. The background of numbers without an alert is taken to be honest, which it is
  but for the fraud that nobody has found."""

_SIMULATED = """\
**It was trained on simulated calls only.** The figures say how well it separates simulated fraud from simulated
subscribers. They do not say how well it does on a real network; train it on your own verdicts before you trust it."""


def write_card(model: Model) -> str:
    """Return the model's card in Markdown."""
    parts = [
        f"# Model of callers {model.version}",
        "Boosted trees over the daily profiles of a number, calibrated; a seed and one thread make it repeatable.",
        _SIMULATED if only_simulated(model) else "",
        "## Data\n\n" + _tabulate_data(model.training),
        "## Split\n\n" + _explain_split(model.training),
        "## Figures on held-out numbers\n\n" + _tabulate_figures(model.figures),
        "## Probability\n\n" + _explain_probability(model),
        "## What it takes\n\n" + _tabulate_features(model),
        "## Limits\n\n" + _LIMITS,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def only_simulated(model: Model) -> bool:
    """Tell whether every label came from the truth of simulated calls."""
    sources: dict[str, Any] = model.training.get("all", {}).get("sources", {})
    return set(sources) == {"truth"}


def _tabulate_data(training: dict[str, Any]) -> str:
    rows = [
        f"| {name} | {part['rows']:,} | {part['fraud_numbers']:,} | {part['fraud_groups']:,} "
        f"| {part['honest_numbers']:,} | {part['first_day']} to {part['last_day']} |"
        for name, part in (
            ("all, the model is trained on them", training.get("all")),
            ("training part of the figures", training.get("training")),
            ("held out for the figures", training.get("held_out")),
        )
        if part
    ]
    head = "| part | examples | fraudulent numbers | in groups | honest numbers | days |\n|---|---|---|---|---|---|"
    kinds = [
        f"- {_plain(kind['kind'])} ({_plain(kind['strategy'] or 'no strategy')}): {kind['numbers']} numbers"
        for kind in training.get("all", {}).get("kinds", [])
        if kind["kind"]
    ]
    sources = training.get("all", {}).get("sources", {})
    said = "Labels: " + ", ".join(f"{count:,} from {_plain(name)}" for name, count in sources.items()) + "."
    listed = "\n".join(["Kinds of fraud:", "", *kinds]) if kinds else ""
    return "\n\n".join(part for part in ("\n".join([head, *rows]), said, listed) if part)


def _explain_split(training: dict[str, Any]) -> str:
    since = training.get("held_out_since")
    days = f"days from {since} on" if since else "no days (there was only one)"
    return (
        f"Held out: {days}, and of those days only groups that were not trained on (three tenths). A group is a box, "
        f"a handset with several numbers, or else one number. Seed {training.get('seed')}, "
        f"{training.get('rounds')} trees. The figures are those of a model that was trained on the rest; the stored "
        "model was then trained on everything."
    )


def _tabulate_figures(figures: dict[str, Any]) -> str:
    if not figures:
        return "None: the held-out part has no fraudulent, or no honest, number. Label more before you trust the model."
    rows = [
        ("numbers, fraudulent ones", f"{figures['numbers']:,}, {figures['fraud_numbers']:,}"),
        ("average precision, at the share of fraud held out", _show(figures["average_precision"])),
        (
            f"average precision, weighted to a base rate of {figures['base_rate']:g}",
            _show(figures["average_precision_at_base_rate"]),
        ),
        ("precision at k = number of fraudulent ones", _show(figures["precision_at_k"])),
        (
            f"precision from probability {figures['threshold']:g}",
            _show(figures["precision"]) + _show_interval(figures["precision_interval"]),
        ),
        (
            f"recall from probability {figures['threshold']:g}",
            _show(figures["recall"]) + _show_interval(figures["recall_interval"]),
        ),
        ("log loss at the base rate", f"{figures['log_loss']:.2g}"),
    ]
    table = "| figure | value |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows)
    bands = [
        f"| {band['from']:g} to {band['to']:g} | {band['rows']:,} | {band['fraud_rows']:,} | {band['stated']:.2g} "
        f"| {band['true']:.2g} |"
        for band in figures["reliability"]
    ]
    head = "| probability | examples | fraudulent | stated | true, at the base rate |\n|---|---|---|---|---|"
    return table + "\n\n" + "\n".join([head, *bands])


def _explain_probability(model: Model) -> str:
    return (
        f"Stated for a base rate of {model.calibration.base_rate:g}; another one moves the log-odds by the difference. "
        f"A number that no rule found is queued from probability {model.threshold:g}. Calibrated by "
        "five-fold cross-validation over groups."
    )


def _tabulate_features(model: Model) -> str:
    rows = "\n".join(f"| `{f.name}` | {_DIRECTIONS[f.direction]} |" for f in FEATURES)
    return (
        f"Feature set {model.feature_set}, over {model.window_days} trailing days. The second column says what more of "
        f"a figure may do to the score.\n\n| figure | more of it |\n|---|---|\n{rows}"
    )


def _plain(text: str) -> str:
    """Return text that cannot break out of its line or table cell."""
    return "".join(c if c.isalnum() or c in " -_." else "?" for c in str(text))


def _show(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _show_interval(interval: tuple[float, float] | list[float] | None) -> str:
    return "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"
