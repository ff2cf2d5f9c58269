"""The command line: commands parse, call the library and print; the logic is elsewhere."""

from __future__ import annotations


def main() -> None:
    """Run the command line; the console script ``sentinel-batch`` starts here."""
    from sentinel_batch.cli.application import app

    app()
