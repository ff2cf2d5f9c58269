/*
description = """
The figures that every finding has, in a SELECT from calls that is grouped: calls, destinations, average. (A sweep gives
them for windows.)
"""
example = 'SELECT caller_number, {{ call_figures() }} FROM examined_calls GROUP BY caller_number'
*/

count(*) AS calls,
count(DISTINCT callee_number) AS destinations,
CAST(sum(duration_seconds) AS DOUBLE) / count(*) AS average
