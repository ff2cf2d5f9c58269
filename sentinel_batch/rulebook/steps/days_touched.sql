/*
description = """
How many local days a window of length W touches at most: a day has at least 23 hours. On one of them the number made at
least that part of its calls in the window.
"""
example = "HAVING {{ days_touched() }} * max(completed_calls) >= $min_completed"
*/

(ceil($window_seconds / 82800) + 1)
