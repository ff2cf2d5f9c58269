"""Hard negatives: honest numbers that look like fraud, and why."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Kind:
    """How the numbers of one honest trade behave.

    Parameters
    ----------
    share
        Numbers of this kind as a share of the subscribers.
    calls
        Mean outgoing calls on a full working day.
    reason
        What makes it hard, and why the figures are as they are.
    rhythm
        Name of the rhythm of outgoing calls.
    durations
        Name of the mixture of their durations.
    pool, stranger, abroad
        Size of each number's list of regular callees; share of calls to people never called before (drawn from all
        subscribers), and to numbers abroad. The rest goes to the list.
    spread, day_spread
        Deviations of the logarithm of a number's mean, and of a day's factor.
    working
        Chance of working on a day.
    answer_factor
        How readily it is answered, against a call from a contact.
    callback_missed, callback_answered
        Chance that a callee calls back.
    answers
        Probability that it answers.
    incoming, incoming_rhythm, incoming_durations, incoming_regular
        Mean calls received a day from subscribers (beside calls back), when, how long, and the share of them that comes
        from the list.
    elsewhere
        Range of the share of calls away from its home cell.
    segment
        Segment in the operator's books.
    unlisted
        Share that the books hold as consumers.
    fixed
        Share on fixed lines: no SIM, no cell.
    modules
        Share whose SIM sits in a radio module or gateway.
    scheduled
        Whether calls follow a timetable.
    """

    share: float
    calls: float
    reason: str
    rhythm: str = "office"
    durations: str = "desk"
    pool: int = 40
    stranger: float = 0.7
    abroad: float = 0.0
    spread: float = 0.4
    day_spread: float = 0.25
    working: float = 0.97
    answer_factor: float = 0.9
    callback_missed: float = 0.08
    callback_answered: float = 0.01
    answers: float = 0.7
    incoming: float = 0.0
    incoming_rhythm: str = "person"
    incoming_durations: str = "desk"
    incoming_regular: float = 0.3
    elsewhere: tuple[float, float] = (0.0, 0.02)
    segment: str = "business"
    unlisted: float = 0.2
    fixed: float = 0.0
    modules: float = 0.0
    scheduled: bool = False


KINDS = MappingProxyType(
    {
        "call_centre": Kind(
            0.0005,
            120.0,
            "Static, hundreds of calls of minutes to people it never called; but customers call it, too.",
            rhythm="extended",
            pool=80,
            stranger=0.75,
            incoming=35.0,
            answers=0.92,
            fixed=0.25,
            modules=0.1,
        ),
        "bank_desk": Kind(
            0.0004,
            60.0,
            "Verification and collection calls: static, new callees, minutes; few are called twice in a fortnight.",
            pool=30,
            stranger=0.85,
            answer_factor=0.95,
            callback_missed=0.2,
            callback_answered=0.03,
            answers=0.5,
            incoming=3.0,
            fixed=0.2,
        ),
        "delivery_rider": Kind(
            0.0009,
            48.0,
            "Dozens of new callees a day, as a capped SIM; but short calls, all over town, and customers call back.",
            rhythm="meals",
            durations="errand",
            pool=8,
            stranger=0.78,
            working=0.82,
            answer_factor=1.05,
            callback_missed=0.3,
            callback_answered=0.15,
            answers=0.85,
            elsewhere=(0.6, 0.95),
            segment="consumer",
            unlisted=1.0,
        ),
        "taxi_dispatch": Kind(
            0.00015,
            130.0,
            "Around the clock from one place to customers and drivers; half of its traffic comes in.",
            rhythm="transport",
            durations="errand",
            pool=35,
            stranger=0.45,
            answer_factor=1.1,
            callback_missed=0.3,
            callback_answered=0.1,
            answers=0.95,
            incoming=140.0,
            incoming_rhythm="transport",
            incoming_durations="errand",
        ),
        "prayer_line": Kind(
            0.00008,
            6.0,
            "Hundreds of callers at night and at dawn to one number: as a Wangiri trap, or a masked attack, has.",
            rhythm="prayer",
            durations="prayer",
            pool=20,
            stranger=0.1,
            answers=0.95,
            incoming=400.0,
            incoming_rhythm="prayer",
            incoming_durations="prayer",
            incoming_regular=0.55,
            modules=0.3,
        ),
        "church_invitations": Kind(
            0.0002,
            240.0,
            "Recorded invitations before the weekend: bursts to hundreds, answered for seconds, as a robocaller.",
            rhythm="invitation",
            durations="announcement",
            pool=500,
            stranger=0.25,
            working=0.25,
            answer_factor=0.9,
            callback_missed=0.1,
            callback_answered=0.03,
            answers=0.6,
            incoming=5.0,
            segment="consumer",
            unlisted=1.0,
            modules=0.2,
        ),
        "telemarketer": Kind(
            0.0004,
            130.0,
            "All callees new, hardly any call back, static; but short calls, in office hours.",
            rhythm="extended",
            durations="pitch",
            pool=4,
            stranger=0.97,
            answer_factor=0.72,
            callback_missed=0.04,
            callback_answered=0.005,
            answers=0.35,
            incoming=0.3,
            unlisted=0.4,
            modules=0.15,
        ),
        "survey_desk": Kind(
            0.00006,
            45.0,
            "Opinion polls by telephone: strangers only, minutes long, static, nobody calls back; but by day only.",
            rhythm="extended",
            durations="interview",
            pool=3,
            stranger=0.97,
            working=0.8,
            answer_factor=0.8,
            callback_missed=0.05,
            callback_answered=0.006,
            answers=0.3,
            incoming=0.4,
            unlisted=0.4,
            modules=0.15,
        ),
        "pbx_trunk": Kind(
            0.0006,
            80.0,
            "A company's line: many people behind one static number, with regular partners and answered enquiries.",
            pool=120,
            stranger=0.35,
            abroad=0.05,
            answers=0.93,
            incoming=55.0,
            incoming_rhythm="office",
            segment="trunk",
            unlisted=0.05,
            fixed=0.6,
            modules=0.4,
        ),
        "m2m": Kind(
            0.0008,
            14.0,
            "Meters, trackers and alarms: never move, never receive, around the clock, but only one or two callees.",
            rhythm="machine",
            durations="machine",
            pool=2,
            stranger=0.0,
            spread=0.8,
            day_spread=0.05,
            working=1.0,
            answer_factor=1.3,
            callback_missed=0.0,
            callback_answered=0.0,
            answers=0.3,
            segment="m2m",
            unlisted=0.1,
            modules=1.0,
            scheduled=True,
        ),
        "network_probe": Kind(
            0.00006,
            150.0,
            "The operator's own test calls: a timetable, short, many SIMs in one handset, night and day.",
            rhythm="machine",
            durations="probe",
            pool=150,
            stranger=0.0,
            day_spread=0.05,
            working=1.0,
            answer_factor=1.2,
            callback_missed=0.0,
            callback_answered=0.0,
            answers=0.98,
            segment="probe",
            unlisted=0.3,
            modules=0.5,
            scheduled=True,
        ),
        "student_abroad": Kind(
            0.0005,
            7.0,
            "A prepaid SIM whose calls go abroad and last long, at night: the picture of IRSF and cross-border abuse.",
            rhythm="abroad",
            durations="abroad",
            pool=14,
            stranger=0.03,
            abroad=0.6,
            spread=0.6,
            day_spread=0.5,
            working=0.85,
            callback_missed=0.3,
            callback_answered=0.03,
            incoming=1.2,
            incoming_regular=0.95,
            incoming_durations="abroad",
            elsewhere=(0.05, 0.4),
            segment="consumer",
            unlisted=1.0,
        ),
        "call_kiosk": Kind(
            0.00015,
            34.0,
            "A public phone in a market: passers-by pay for conversations, so static, callees new, minutes long. "
            "The nearest to a capped box; regulars, calls back to the kiosk and closing time tell it apart.",
            rhythm="kiosk",
            durations="person",
            pool=40,
            stranger=0.72,
            working=0.88,
            answer_factor=0.9,
            callback_missed=0.12,
            callback_answered=0.02,
            answers=0.75,
            incoming=1.5,
            segment="consumer",
            unlisted=0.8,
        ),
        "market_trader": Kind(
            0.0004,
            30.0,
            "Wholesalers in one stall all day, with dozens of customers; half of the calls go to people they know.",
            rhythm="market",
            durations="errand",
            pool=60,
            stranger=0.3,
            working=0.9,
            answer_factor=1.05,
            callback_missed=0.3,
            callback_answered=0.05,
            answers=0.8,
            incoming=14.0,
            incoming_durations="errand",
            incoming_regular=0.7,
            elsewhere=(0.0, 0.15),
            segment="consumer",
            unlisted=0.9,
        ),
    }
)
"""Kind by name. Figures are estimates from what such trades do, not measurements; the reasons say what they are for."""
