"""Single values: times, durations, cells; they know no layout."""
