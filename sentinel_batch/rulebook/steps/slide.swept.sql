states AS (
    SELECT
        suspect_number,
        begins_at,
        ends_at,
        calls,
        {{ duration.name }},
        {{ sums.name }},
        {{ counting.name }},
        last_call_at
    FROM swept_states
)
