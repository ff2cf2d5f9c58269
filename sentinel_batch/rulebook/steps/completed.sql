/*
description = "True for a call that was answered, or, where that is not known, lasted longer than 0 seconds."
example = "WHERE {{ completed() }}"
*/

coalesce(answered, duration_seconds > 0)
