"""Ordinary life: the calls of practices that nobody attacks, drawn from a seed, as attempts for `callgate replay`.

The mix, the redials and the prices are assumptions (facts/semantics.md 1): an order of magnitude, and on the dear side.
What is modelled because it has refused calls before: redials to an engaged hospital, waiting for the health insurance,
the on-call doctor to whom calls are forwarded at night, a doctor who calls late, public holidays, neighbours abroad.
"""

import csv
import io
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from callgate.core.deck import COLUMNS
from callgate.core.dialling import read_dialled
from callgate.core.plan import NumberClass, parse_plan

POLICIES = Path(__file__).resolve().parents[2] / "policies"
PLAN = parse_plan((POLICIES / "plans" / "FR.toml").read_text(encoding="utf-8"))
PARIS = ZoneInfo("Europe/Paris")
FIRST_MONDAY = date(2027, 2, 1)
"""In the 13 weeks from here the clocks go forward, and Easter Monday and the first of May are holidays."""
WEEKS = 13
HOLIDAYS = frozenset({date(2027, 3, 29), date(2027, 5, 1)})
ON_CALL = "0698765432"
"""The doctor on call, to whom the practice is forwarded when it is closed."""

_RATES = {
    **dict.fromkeys(("+331", "+332", "+333", "+334", "+335", "+339"), "0,0.014,1,1"),
    **dict.fromkeys(("+336", "+337"), "0,0.054,1,1"),
    **dict.fromkeys(("+3380", "short:30", "short:31", "short:116"), "0,0,1,1"),
    **dict.fromkeys(("short:3646", "short:3608"), "0,0.02,60,60"),
    **dict.fromkeys(("short:3624", "short:3237"), "0,0.41,60,60"),
    **dict.fromkeys(("+590", "+262", "+594", "+596"), "0,0.10,60,60"),
    **dict.fromkeys(("+590690", "+262692"), "0,0.20,60,60"),
    **dict.fromkeys(("+32", "+352", "+49"), "0,0.05,60,60"),
    **dict.fromkeys(("+324", "+3526", "+4915", "+4916", "+4917"), "0,0.23,60,60"),
    "+41": "0,0.08,60,60",
    **dict.fromkeys(("+4175", "+4176", "+4177", "+4178", "+4179"), "0,0.45,60,60"),
}
"""An operator's prices: France by the second at the prices of facts/semantics.md 1, all else by whole minutes.

To a mobile in the Union it is the regulated 0.19 and tax, to a Swiss one twice that.
"""


def rates() -> str:
    """The operator's deck."""
    rows = (f"{prefix},an operator's price,{figures},EUR,0,," for prefix, figures in _RATES.items())
    return "\n".join((",".join(COLUMNS), *rows, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """One practice.

    Fields:
        name, preset: for the table, and whose policy it has.
        extensions, channels: telephones, and the trunk's channels.
        day_calls: on an average weekday, redials not counted.
        abroad, overseas, insurance: the share of calls to neighbours, to overseas departments, to 3646.
        night_calls: forwarded to the doctor on call, on an average night.
    """

    name: str
    preset: str
    extensions: int
    channels: int
    day_calls: int
    abroad: float = 0.0
    overseas: float = 0.005
    insurance: float = 0.01
    night_calls: float = 3.0

    def policy(self) -> str:
        """Its policy: the preset, and the one number that may be forwarded to."""
        text = (POLICIES / "presets" / f"{self.preset}.toml").read_text(encoding="utf-8")
        return f'{text}\n[[external_to_external.number]]\nnumber = "+33{ON_CALL[1:]}"\nlabel = "on call"\n'


SMALL = Practice(name="small practice", preset="cabinet-france-seule", extensions=2, channels=4, day_calls=20)
MEDIUM = Practice(
    name="three secretaries",
    preset="cabinet-france-seule",
    extensions=4,
    channels=6,
    day_calls=111,
)
BUSY = Practice(
    name="busy group practice",
    preset="cabinet-france-seule",
    extensions=10,
    channels=15,
    day_calls=350,
    night_calls=8,
)
BORDER = Practice(
    name="border practice",
    preset="france-et-frontaliers",
    extensions=4,
    channels=6,
    day_calls=111,
    abroad=0.15,
)
PRACTICES = (SMALL, MEDIUM, BUSY, BORDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, by the wall clock of Paris with its distance from UTC."""

    start: datetime
    extension: str
    dialled: str
    duration_s: int
    origin: str = "extension"


def attempts(calls: tuple[Call, ...]) -> str:
    """Write calls as `callgate replay` reads them."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(("start", "extension", "dialled", "duration_s", "origin"))
    writer.writerows(
        (call.start.isoformat(), call.extension, call.dialled, call.duration_s, call.origin) for call in calls
    )
    return stream.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressBook:
    """Whom a practice calls."""

    patients: tuple[str, ...]
    colleagues: tuple[str, ...]
    abroad: tuple[str, ...]
    overseas: tuple[str, ...]


_ABROAD = (*("00322", "00352262", "0049681", "0041223") * 4, *("003247", "0049171", "004179") * 2)


def address_book(random: Random) -> AddressBook:
    """Draw an address book; every number in it exists."""
    return AddressBook(
        patients=(*_numbers(random, ("01", "03", "04"), 400, 10), *_numbers(random, ("06", "07"), 800, 10)),
        colleagues=_numbers(random, ("01", "03"), 40, 10),
        abroad=_numbers(random, _ABROAD, 120, None),
        overseas=_numbers(random, ("059027", "026230", "069273"), 20, 10),
    )


_LENGTHS = {"00322": 12, "003247": 13, "00352262": 14, "0049681": 14, "0049171": 14, "0041223": 13, "004179": 13}
_LINES = {
    NumberClass.NATIONAL_FIXED,
    NumberClass.NATIONAL_MOBILE,
    NumberClass.INTERNATIONAL_FIXED,
    NumberClass.INTERNATIONAL_MOBILE,
}


def _numbers(random: Random, openings: tuple[str, ...], count: int, length: int | None) -> tuple[str, ...]:
    """Draw numbers that begin so; a number of France must be of the home region unless its opening says overseas."""
    found: list[str] = []
    while len(found) < count:
        opening = random.choice(openings)
        digits = (length or _LENGTHS[opening]) - len(opening)
        number = opening + "".join(random.choice("0123456789") for _ in range(digits))
        read = read_dialled(number, plan=PLAN, outside_prefix="")
        if read.number_class in _LINES and (len(opening) > len("01") or read.region == "FR"):
            found.append(number)
    return tuple(found)


_HOUR_WEIGHTS = {8: 6, 9: 14, 10: 14, 11: 12, 12: 5, 13: 4, 14: 11, 15: 11, 16: 10, 17: 8, 18: 5}
_SATURDAY_WEIGHTS = {8: 3, 9: 6, 10: 6, 11: 5}
SATURDAY, SUNDAY = 5, 6
_LAST_MINUTE = 45
"""At a quarter to the hour of closing the staff puts the telephone down; who calls later is the doctor."""
_ENGAGED, _COLLEAGUE_ENGAGED, _NO_ANSWER = 0.04, 0.25, 0.12
_REDIALS_MAX = 8
_LATE_CALLS, _HELPLINE = 0.6, 0.02
"""Calls of the doctor on an evening, and to the poison centre or a helpline on a day."""
_PATIENT, _COLLEAGUE = 120, 150
_INSURANCE, _FORWARDED = 480, 200
"""Medians of the talk times, in seconds."""


@dataclass(slots=True)
class _Diary:
    """One practice from day to day, and when each of its telephones is free again."""

    practice: Practice
    random: Random
    book: AddressBook
    calls: list[Call] = field(default_factory=list)
    free: dict[str, datetime] = field(default_factory=dict)

    def live(self, weeks: int) -> None:
        for day in (FIRST_MONDAY + timedelta(days=ahead) for ahead in range(7 * weeks)):
            if _opens(day):
                self._office_hours(day, _SATURDAY_WEIGHTS if day.weekday() == SATURDAY else _HOUR_WEIGHTS)
            self._evening_and_night(day)

    def _office_hours(self, day: date, weights: dict[int, int]) -> None:
        share = sum(weights.values()) / sum(_HOUR_WEIGHTS.values())
        times = sorted(self._moment(day, hour) for hour in self._hours(weights, self.practice.day_calls * share))
        for moment in times:
            dialled, median_s, engaged = self._callee()
            self._call_until_answered(moment, dialled, median_s, engaged)

    def _hours(self, weights: dict[int, int], mean: float) -> list[int]:
        count = max(0, round(self.random.gauss(mean, mean**0.5)))
        return self.random.choices(list(weights), list(weights.values()), k=count)

    def _moment(self, day: date, hour: int) -> datetime:
        minute = self.random.uniform(10 if hour == 8 else 0, _LAST_MINUTE if hour == 18 else 60)
        return datetime.combine(day, time(hour), PARIS) + timedelta(minutes=minute)

    def _callee(self) -> tuple[str, int, float]:
        """Choose whom to call: the number, the median of the talk, and how often it is engaged."""
        draw, practice = self.random.random(), self.practice
        for share, number, median_s, engaged in (
            (practice.insurance, "3646", _INSURANCE, 0.1),
            (practice.overseas, self.random.choice(self.book.overseas), _PATIENT, _ENGAGED),
            (practice.abroad, self.random.choice(self.book.abroad), _PATIENT, _ENGAGED),
            (_HELPLINE / practice.day_calls, self.random.choice(("0140054848", "3114", "3919")), _PATIENT, 0.0),
            (0.03, "0800123456", _PATIENT, _ENGAGED),
            (0.25, self.random.choice(self.book.colleagues), _COLLEAGUE, _COLLEAGUE_ENGAGED),
        ):
            if draw < share:
                return number, median_s, engaged
            draw -= share
        return self.random.choice(self.book.patients), _PATIENT, _ENGAGED

    def _call_until_answered(self, moment: datetime, dialled: str, median_s: int, engaged: float) -> None:
        """Call from a telephone that is free, and again within minutes while the other end is engaged."""
        for _ in range(_REDIALS_MAX):
            extension, start = self._free_telephone(moment)
            if self._is_past_closing(start):
                return
            if self.random.random() >= engaged:
                break
            self._add(start, extension, dialled, 0, busy_s=20)
            moment = start + timedelta(seconds=self.random.uniform(60, 300))
        else:
            return
        talk_s = 0 if self.random.random() < _NO_ANSWER else self._talk_s(median_s)
        self._add(start, extension, dialled, talk_s, busy_s=15 + talk_s)

    def _free_telephone(self, moment: datetime) -> tuple[str, datetime]:
        extensions = [str(101 + place) for place in range(self.practice.extensions)]
        free = [name for name in extensions if self.free.get(name, moment) <= moment]
        if free:
            return self.random.choice(free), moment
        first = min(extensions, key=self.free.__getitem__)
        return first, self.free[first] + timedelta(seconds=self.random.uniform(5, 30))

    def _is_past_closing(self, start: datetime) -> bool:
        closing = time(12, 25) if start.weekday() == SATURDAY else time(18, 55)
        return start.time() > closing

    def _evening_and_night(self, day: date) -> None:
        """The doctor calls late on some evenings; patients who ring at night are forwarded to the one on call."""
        doctor = "101"
        evening = datetime.combine(day, time(19, 5), PARIS)
        if _opens(day) and day.weekday() != SATURDAY:
            for _ in range(self._count(_LATE_CALLS)):
                evening = max(evening, self.free.get(doctor, evening)) + timedelta(seconds=self.random.uniform(30, 900))
                self._add(evening, doctor, self.random.choice(self.book.patients), self._talk_s(_PATIENT), busy_s=300)
        opens, closes = (8, 12.5 if day.weekday() == SATURDAY else 19) if _opens(day) else (24, 24)
        for hour in sorted(self._closed_hour(opens, closes) for _ in range(self._count(self.practice.night_calls))):
            moment = datetime.combine(day, time(), PARIS) + timedelta(hours=hour)
            # There is one doctor on call: who rings while he talks finds him engaged.
            engaged = self.free.get(ON_CALL, moment) > moment
            talk_s = 0 if engaged else self._talk_s(_FORWARDED)
            self._add(moment, "", ON_CALL, talk_s, busy_s=talk_s, origin="forwarded")

    def _closed_hour(self, opens: float, closes: float) -> float:
        drawn = self.random.uniform(0, opens + (24 - closes))
        return drawn if drawn < opens else closes + drawn - opens

    def _count(self, mean: float) -> int:
        """Draw how often something rare happens (Poisson, by its waiting times)."""
        count, waited = 0, self.random.expovariate(1)
        while waited < mean:
            count, waited = count + 1, waited + self.random.expovariate(1)
        return count

    def _talk_s(self, median_s: int) -> int:
        return min(3600, max(5, round(median_s * self.random.lognormvariate(0, 0.8))))

    def _add(
        self, start: datetime, extension: str, dialled: str, talk_s: int, *, busy_s: int, origin: str = "extension"
    ) -> None:
        start = start.replace(microsecond=0)
        self.calls.append(Call(start=start, extension=extension, dialled=dialled, duration_s=talk_s, origin=origin))
        line = extension or dialled
        self.free[line] = max(self.free.get(line, start), start + timedelta(seconds=busy_s + 1))


def _opens(day: date) -> bool:
    return day not in HOLIDAYS and day.weekday() != SUNDAY


def calls_of(practice: Practice, seed: int, weeks: int = WEEKS) -> tuple[Call, ...]:
    """Draw the calls of some weeks, in order of time; the same for the same seed."""
    random = Random(f"{practice.name} {seed}")
    diary = _Diary(practice=practice, random=random, book=address_book(random))
    diary.live(weeks)
    return tuple(sorted(diary.calls, key=lambda call: call.start))
