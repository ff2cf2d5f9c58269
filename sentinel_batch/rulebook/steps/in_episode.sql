/*
description = "After FROM: every episode (evidence), with each of the suspect's calls in all of it."
example = 'SELECT suspect_number, episode, count(*) FROM {{ in_episode("calls") }} GROUP BY suspect_number, episode'

[arguments.calls]
kind = "name"
description = "What has the calls."

[arguments.by]
kind = "name"
default = "caller_number"
description = "Column that holds the suspect's number."

[arguments.at]
kind = "name"
default = "call_timestamp"
description = "Column that holds a call's instant."
*/

evidence
INNER JOIN {{ calls }}
    ON evidence.suspect_number = {{ calls }}.{{ by }}
    AND {{ after(calls, at, "evidence.episode_start") }}
    AND {{ calls }}.{{ at }} <= evidence.episode_end
