"""The corpus behind the spoof scorer: where each clip comes from, and how it was cut."""
