"""What the head of the page needs beside the document: words, order, and which parts of the page can be linked to."""

from __future__ import annotations

from typing import Any

from sentinel_batch.reporting.night import DOUBTFUL, FILES_SHOWN, LOST, say_file

FILE_WORDS = {
    "taken": "taken",
    "known": "known already, by its content",
    "unchanged": "unchanged since it was taken",
    "refused": "✗ refused: nothing of it was taken",
    "unreadable": "✗ could not be read",
    "vanished": "✗ gone before it could be read",
    "unfinished": "⚠ still being written: taken as far as it went",
    "empty": "⚠ holds no record",
    "not_read": "⚠ not read",
}
"""What became of a file, in words."""

BESIDE = (
    ("new", "New alerts"),
    ("alerts_grown", "Alerts that grew"),
    ("files", "Files"),
    ("files_lost", "Files lost"),
    ("records_inserted", "Calls taken"),
    ("records_rejected", "Rows rejected"),
)


def prepare_head(document: dict[str, Any]) -> dict[str, Any]:
    """Return the values that the templates of the head take, and put the night's files in their order."""
    night = document["night"]
    shown = {} if night is None else {**night, "files": [{**file, "rank": _rank(file)} for file in night["files"]]}
    return {
        "night": shown or None,
        "file_words": FILE_WORDS,
        "files_shown": FILES_SHOWN,
        "beside": BESIDE,
        "lost_troubles": [say_file("lost", file) for file in document["lost_files"]],
        "shown_alerts": {alert["id"] for alert in document["alerts"]},
    }


def _rank(file: dict[str, Any]) -> int:
    outcome = file["outcome"]
    return 0 if outcome in LOST else 1 if outcome in DOUBTFUL else 3 if outcome == "unchanged" else 2
