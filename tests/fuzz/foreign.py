"""What may be said of a foreign number: its region, and whether it is dear, by RULES 7 to 9.

Three sources, none of them what the gate's reader asks: the plan of that country where there is a plan for it, the
table of regions, and libphonenumber's published ranges. A number that one of them calls dear is dear.
"""

import re
from collections.abc import Iterable

from fuzz.metadata import GLOBAL_REGION, kinds, trunk_of
from fuzz.plan_files import PlanFile
from fuzz.planned import PlannedNumbers
from fuzz.regions import PART_OF, country_code, region_of
from fuzz.truth import INVALID, NOTHING, Answer, Truth, possible, truth_of, union

_GLOBAL_CLASSES: dict[str, tuple[str, ...]] = {
    "800": ("freephone",),
    "808": ("shared_cost", "international_premium"),
    "870": ("satellite_global",),
    "878": ("satellite_global", "personal_number"),
    "881": ("satellite_global",),
    "882": ("satellite_global",),
    "883": ("satellite_global",),
    "888": (),
    "979": ("international_premium",),
}
"""What public.csv accepts under the codes of the whole world; +888 was reclaimed."""

_PREMIUM = frozenset({"international_premium"})
_PERSONAL = frozenset({"personal_number", "international_premium"})
_PAGER = frozenset({"m2m_pager", "international_premium"})
_DEAR_IN_ITS_PLAN = {
    **dict.fromkeys(("premium", "shared_cost", "directory", "freephone", "international_premium"), _PREMIUM),
    "personal_number": _PERSONAL,
    "m2m_pager": _PAGER,
    "satellite_global": frozenset({"satellite_global"}),
}
_DEAR_BY_RANGE = {
    **dict.fromkeys(("premium_rate", "shared_cost", "toll_free", "uan", "voicemail"), _PREMIUM),
    "personal_number": _PERSONAL,
    "pager": _PAGER,
}
"""Foreign freephone numbers are charged. Nobody tells the price of company numbers (uan) and mailboxes."""

_DEAR_ALL_THE_SAME = re.compile(r"1[2-9][0-9]{2}(?:976[0-9]{4}|5551212)|39319[0-9]+")
"""What libphonenumber takes for plain numbers: pay-per-call exchanges and paid enquiries of every North American area,
and an Italian range that is sold on for satellite telephony, which the plan leaves out."""


class ForeignNumbers:
    """Reads numbers that begin with a country code, seen from a country that has other numbers."""

    def __init__(self, plans: Iterable[PlanFile]) -> None:
        self._planned: dict[str, list[PlannedNumbers]] = {}
        for plan in plans:
            numbers = PlannedNumbers(plan)
            for code in numbers.codes:
                self._planned.setdefault(code, []).append(numbers)

    def truth(self, digits: str) -> Truth:
        """Say what may be said of digits that begin with a country code; one trunk zero may be left in them."""
        code = country_code(digits)
        if code is None:
            return NOTHING
        subscriber = digits.removeprefix(code)
        trunk = trunk_of(region_of(code, subscriber), subscriber)
        if not trunk or subscriber.startswith("00"):
            return self.exact(code, subscriber)
        without = self.exact(code, subscriber.removeprefix("0"))
        # Behind some trunk zeros stands the code of a carrier: nobody can be blamed for not taking these off.
        return possible([self.exact(code, subscriber), without if trunk == "0" else union([without, NOTHING])])

    def exact(self, code: str, subscriber: str) -> Truth:
        """Say what may be said of the digits behind a country code, none of them to be dropped."""
        digits, region = code + subscriber, region_of(code, subscriber)
        ranges = kinds(code, region, subscriber)
        planned = [answer for plan in self._planned.get(code, ()) if (answer := plan.international(digits)) is not None]
        if region == GLOBAL_REGION:
            classes = frozenset(_GLOBAL_CLASSES[code] if ranges else ())
        else:
            classes = _classes(digits, ranges, [answer.number_class for answer in planned])
        regions = {answer.region for answer in planned} or {region}
        if PART_OF.get(region) in regions:
            regions.add(region)
        answers = [
            Answer(number=f"+{digits}", region=where, number_class=number_class)
            for where in regions
            for number_class in classes
        ]
        # Its country may have opened a range of which the library has not heard.
        return truth_of(*answers) if answers and ranges else truth_of(*answers, INVALID)


def _classes(digits: str, ranges: frozenset[str], planned: list[str]) -> frozenset[str]:
    """The classes that a foreign number may have."""
    if not ranges and not planned:
        return frozenset()
    dear = [_DEAR_IN_ITS_PLAN[name] for name in planned if name in _DEAR_IN_ITS_PLAN]
    satellite = [classes for classes in dear if "satellite_global" in classes]
    dear += [_DEAR_BY_RANGE[name] for name in ranges if name in _DEAR_BY_RANGE]
    if _DEAR_ALL_THE_SAME.fullmatch(digits):
        dear.append(_PREMIUM)
    if dear:
        return frozenset().union(*(satellite or dear))
    return _plain(ranges)


def _plain(ranges: frozenset[str]) -> frozenset[str]:
    """Fixed and mobile numbers that cannot be told apart are fixed (RULES 8); so are those of the Internet."""
    if not ranges:
        return frozenset({"international_fixed", "international_mobile"})
    fixed = {"international_fixed"} if ranges & {"fixed_line", "voip"} else set()
    mobile = {"international_mobile"} if "mobile" in ranges and "fixed_line" not in ranges else set()
    return frozenset(fixed | mobile)
