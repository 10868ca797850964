"""Where a call would go: one number that will be billed, its region and its class."""

from dataclasses import dataclass

from callgate.core.plan import NumberClass, PriceCap


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a call would go.

    Fields:
        number: E.164 with ``+`` of the party that is billed; a short code's digits; an extension or feature code as
            dialled; "" when invalid.
        region: ISO 3166 region where the money goes, ``001`` for global codes, "" for internal and invalid.
        number_class: seen from the home country.
        must_reach: the plan names it as a line that must be reached.
        cap: the most it may cost, where the plan says so.
        opening: how many first digits, without ``+``, tell it from plainer lines under the same country code: a rate of
            a shorter prefix says nothing about it. 0 where any rate will do.
    """

    number: str
    region: str
    number_class: NumberClass
    must_reach: bool = False
    cap: PriceCap | None = None
    opening: int = 0


INVALID = Destination(number="", region="", number_class=NumberClass.INVALID)
