"""What is said of a figure that is not known, or that sets a number apart from nobody.

For each figure, by name: words for an unknown value, and words for a value that, rounded as it is shown, is none, or
that of busy callers or of the segment.
"""

from __future__ import annotations

WORDING = "2"
"""Version of the words, also of those in :data:`~sentinel_batch.learning.figures.FEATURES`: kept reasons of others are
not used."""

_INCOMING = "about as many incoming"

WORDS: dict[str, tuple[str, str]] = {
    "active_share": ("how many days it was active is not known", "active on none of the days"),
    "calls_per_day": ("calls a day not known", "about as many calls as busy callers"),
    "callees_per_day": ("callees a day not known", "about as many callees as busy callers"),
    "most_callees": ("callees of its best day not known", "on its best day about as many callees as busy callers"),
    "minutes_per_day": ("minutes a day not known", "about as many minutes as busy callers"),
    "calls_variation": ("too few days to say how its calls a day vary", "the same number of calls every day"),
    "callees_variation": ("too few days to say how its callees a day vary", "the same number of callees every day"),
    "callees_per_call": (
        "share of calls that go to a different number not known",
        "share of calls that go to a different number as of busy callers",
    ),
    "incoming_per_call": ("incoming calls per call not known", f"{_INCOMING} calls per call as busy callers"),
    "incoming_minutes_ratio": (
        "incoming minutes per minute not known",
        f"{_INCOMING} minutes per minute as busy callers",
    ),
    "incoming_callers_per_callee": (
        "incoming callers per callee not known",
        f"{_INCOMING} callers per callee as busy callers",
    ),
    "new_callee_share": (
        "too few days in the lake to say which callees are new",
        "share of new callees as of busy callers",
    ),
    "reciprocity": (
        "too few days in the lake to say which callees call back",
        "share of callees that ever call back as of busy callers",
    ),
    "answer_ratio": ("share of calls answered not known", "share of calls answered as of busy callers"),
    "mean_duration": ("length of its calls not known", "calls about as long as busy callers'"),
    "median_duration": ("length of its median call not known", "median call about as long as busy callers'"),
    "mean_completed_duration": (
        "no completed call, so no length of one",
        "completed calls about as long as busy callers'",
    ),
    "short_call_share": (
        "no completed call, so no share of calls of at most 6 s",
        "share of calls of at most 6 s as of busy callers",
    ),
    "international_share": (
        "share of international calls not known",
        "share of international calls as of busy callers",
    ),
    "night_share": ("share of calls at night not known", "share of calls at night as of busy callers"),
    "night_share_z": (
        "whether it calls at night more than its segment is not known",
        "calls at night as its segment does",
    ),
    "hour_entropy": (
        "spread of calls over the hours not known",
        "calls spread over the hours as those of busy callers",
    ),
    "cells_per_day": ("its calls name no cells", "about as many cells as busy callers"),
    "top_cell_share": (
        "its calls name no cells, so no main cell",
        "share of calls from the main cell as of busy callers",
    ),
    "cell_changes": ("too few days with a cell to say whether its main cell changes", "the same main cell every day"),
    "gap_mean": ("too few calls a day for pauses between them", "pauses between calls as those of busy callers"),
    "gap_cv": ("too few calls a day to say how the pauses between them vary", "pauses between calls all alike"),
    "gap_min": ("too few calls a day for a shortest pause", "shortest pause as that of busy callers"),
    "imeis_per_day": ("whether it changes handsets is not known", "its calls name no handset (IMEI)"),
    "handset_changes": (
        "too few days with a handset to say whether its main handset changes",
        "the same main handset every day",
    ),
    "imsis_per_day": ("whether it changes SIM identities is not known", "its calls name no SIM identity (IMSI)"),
    "calls_rise": (
        "too few days before to say whether its calls rose",
        "calls as on its own days before",
    ),
    "international_rise": (
        "too few days before to say whether its international calls rose",
        "international calls as on its own days before",
    ),
    "callees_to_segment": ("its segment's callees are not known", "about as many callees as its segment"),
    "new_to_segment": ("its segment's new callees are not known", "share of new callees as of its segment"),
    "incoming_to_segment": (
        "its segment's incoming calls are not known",
        "incoming calls per call as of its segment",
    ),
    "numbers_on_handset": (
        "its calls name no handset (IMEI), so no other numbers on it",
        "no number on its main handset",
    ),
    "one_way_neighbours": (
        "its calls name no cells, so no neighbours there",
        "about as many numbers that hardly anybody calls at its main cell as busy callers have",
    ),
}
