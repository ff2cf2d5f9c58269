/*
description = """
True for what belongs to one of the suspects that pruning left over. Pruning changes no finding, it only spares sweeping.
Where the engine slides the window itself, that costs less than pruning finely: then the coarse prune is enough, or none.
"""
example = '{{ pruned("caller_number", "possible_callers") }}'

[arguments.by]
kind = "name"
description = "Column that holds the suspect's number, in both."

[arguments.suspects]
kind = "name"
description = "What has the suspects that are left over."

[arguments.coarse]
kind = "name"
default = "none"
description = "What has those that a cheaper prune leaves over, if the window need not be slid over all."
*/

{{ by }} IN (SELECT {{ by }} FROM {{ suspects }})
