/*
description = """
True for a call after the beginning of a window, which is open on its left. In a query of one trailing window it is
closed: a call at its beginning belongs to it.
"""
example = '{{ after("calls", "call_timestamp", "window_start") }}'

[arguments.calls]
kind = "name"
description = "What has the call."

[arguments.at]
kind = "name"
description = "Column that holds the call's instant."

[arguments.start]
kind = "value"
description = "The beginning."
*/

{{ calls }}.{{ at }} > {{ start }}
