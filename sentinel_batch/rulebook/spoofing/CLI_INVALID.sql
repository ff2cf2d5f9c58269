WITH
{{ unplanned_numbers("profiles", "number", plan="number_plan", into="bad_numbers") }},

{{ longest_pattern("examined_calls", "trunk", list="international_trunks", key="trunk", into="trunks_from_abroad") }},

calls_from_abroad AS (
    SELECT caller_number, callee_number, call_timestamp, duration_seconds, trunk
    FROM examined_calls
    WHERE trunk IN (SELECT code FROM trunks_from_abroad)
),

{{ longest_prefix("calls_from_abroad", "caller_number", list="home_prefixes", into="home_callers") }},
{{ longest_prefix("calls_from_abroad", "callee_number", list="home_prefixes", into="home_callees") }},

bad_calls AS (
    SELECT caller_number, callee_number, call_timestamp, duration_seconds, trunk
    FROM examined_calls
    WHERE caller_number IN (SELECT number FROM bad_numbers)
),

reasons AS (
    SELECT bad_calls.*, reason
    FROM bad_calls
    INNER JOIN bad_numbers ON bad_calls.caller_number = bad_numbers.number
    UNION ALL
    SELECT calls_from_abroad.*, 3 AS reason
    FROM calls_from_abroad
    WHERE caller_number IN (SELECT caller_number FROM home_callers)
        AND callee_number IN (SELECT callee_number FROM home_callees)
    UNION ALL
    SELECT caller_number, callee_number, call_timestamp, duration_seconds, trunk, 4 AS reason
    FROM examined_calls
    WHERE caller_number = callee_number AND starts_with(caller_number, '+')
),

-- Of several reasons of one call, the surest counts.
invalid_calls AS (
    SELECT
        caller_number,
        callee_number,
        call_timestamp,
        max(duration_seconds) AS duration_seconds,
        max(trunk) AS trunk,
        min(reason) AS reason
    FROM reasons
    GROUP BY caller_number, callee_number, call_timestamp
),

{{ sweep_calls("invalid_calls") }},

qualifying AS (
    SELECT *, {{ severity() }} AS severity FROM windows WHERE calls >= $min_calls
),

{{ episodes() }},
{{ worst("invalid_calls", order=["destinations DESC", "calls DESC"]) }},

reasons_of_window AS (
    SELECT
        suspect_number,
        episode,
        min(reason) AS surest_reason,
        sum(CASE WHEN reason = 0 THEN 1 ELSE 0 END) AS unallocated_calls,
        sum(CASE WHEN reason = 1 THEN 1 ELSE 0 END) AS impossible_length_calls,
        sum(CASE WHEN reason = 2 THEN 1 ELSE 0 END) AS withdrawn_calls,
        sum(CASE WHEN reason = 3 THEN 1 ELSE 0 END) AS domestic_calls_from_abroad,
        sum(CASE WHEN reason = 4 THEN 1 ELSE 0 END) AS own_number_calls,
        count(DISTINCT trunk) AS trunks,
        min(trunk) AS first_trunk
    FROM {{ in_window("invalid_calls") }}
    GROUP BY suspect_number, episode
),

described AS (
    SELECT
        *,
        CASE
            WHEN surest_reason = 0 THEN 'range not allocated'
            WHEN surest_reason = 1 THEN 'impossible length'
            WHEN surest_reason = 2 THEN 'range withdrawn'
            WHEN surest_reason = 3 THEN 'home number from abroad'
            ELSE 'calls itself'
        END AS reason,
        (
            unallocated_calls + impossible_length_calls + 0.7 * withdrawn_calls + 0.6 * domestic_calls_from_abroad
            + 0.2 * own_number_calls
        ) / calls * (1 - CAST(1 AS DOUBLE) / (1 + destinations)) AS confidence
    FROM evidence
    INNER JOIN reasons_of_window USING (suspect_number, episode)
)

{{ findings(source="described", evidence=[
    "reason", "unallocated_calls", "impossible_length_calls", "withdrawn_calls", "domestic_calls_from_abroad",
    "own_number_calls", "trunks", "first_trunk",
]) }};
