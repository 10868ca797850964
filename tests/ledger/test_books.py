"""What the model's audit finds when a balance is not what the records say."""

from callgate.ledger.base import AuditFinding
from callgate.ledger.books import differences


def test_equal_countings_have_no_difference_and_nothing_counts_as_nothing() -> None:
    assert differences({"costly live": 1, "costly hour": 0}, {"costly live": 1, "costly held": 0}) == ()


def test_each_place_that_does_not_add_up_is_named_with_both_countings() -> None:
    found = differences({"costly live": 1, "costly hour": 60}, {"costly hour": 50, "national day": 20})
    assert found == (
        AuditFinding(place="costly hour", expected=60, found=50),
        AuditFinding(place="costly live", expected=1, found=0),
        AuditFinding(place="national day", expected=0, found=20),
    )
