/*
description = """
How large a share may be in truth, as far as a sample tells: the upper bound of Wilson's one-sided interval at 95 %
(z = 1.645; E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, 1927). It shrinks
towards the observed share as the sample grows: none of 30 may be 8.3 %, none of 60 4.3 %.
"""
example = '{{ upper_share("reciprocity", "destinations") }} AS reciprocity_bound'

[arguments.share]
kind = "column"
description = "The share that was observed, 0 to 1."

[arguments.sample]
kind = "column"
description = "How many were observed, more than 0."
*/

(
    {{ share }} + 1.3530125 / {{ sample }}
    + 1.645 * sqrt({{ share }} * (1 - {{ share }}) / {{ sample }} + 0.67650625 / {{ sample }} / {{ sample }})
) / (1 + 2.706025 / {{ sample }})
