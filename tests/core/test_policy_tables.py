"""The tables of a policy and the factory figures they begin with."""

import pytest

from callgate.core.plan import NumberClass
from callgate.core.policy_tables import ClassChoice, Classes

FACTORY_CHOICES = {
    NumberClass.EMERGENCY: ClassChoice.REFUSE,
    NumberClass.INTERNAL_FEATURE: ClassChoice.REFUSE,
    NumberClass.NATIONAL_FIXED: ClassChoice.ALLOW,
    NumberClass.NATIONAL_MOBILE: ClassChoice.ALLOW,
    NumberClass.FREEPHONE: ClassChoice.ALLOW,
    NumberClass.SHARED_COST: ClassChoice.LISTED,
    NumberClass.PREMIUM: ClassChoice.REFUSE,
    NumberClass.SPECIAL_SHORT: ClassChoice.LISTED,
    NumberClass.DIRECTORY: ClassChoice.REFUSE,
    NumberClass.PERSONAL_NUMBER: ClassChoice.REFUSE,
    NumberClass.M2M_PAGER: ClassChoice.REFUSE,
    NumberClass.SATELLITE_GLOBAL: ClassChoice.REFUSE,
    NumberClass.INTERNATIONAL_FIXED: ClassChoice.ALLOW,
    NumberClass.INTERNATIONAL_MOBILE: ClassChoice.ALLOW,
    NumberClass.INTERNATIONAL_PREMIUM: ClassChoice.REFUSE,
    NumberClass.INVALID: ClassChoice.REFUSE,
}


@pytest.mark.parametrize("number_class", NumberClass)
def test_each_class_has_its_factory_choice(number_class: NumberClass) -> None:
    """Emergency is refused here because nobody may ask: it leaves the road before any policy is looked at."""
    assert Classes().choice(number_class) is FACTORY_CHOICES[number_class]


def test_a_clinic_chooses_for_a_class_of_its_own() -> None:
    assert Classes(premium=ClassChoice.LISTED).choice(NumberClass.PREMIUM) is ClassChoice.LISTED
