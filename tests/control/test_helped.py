"""How long help is with a leg: as long as any emergency leg is up that was in one conversation with it."""

from callgate.control.helped import Helped


def test_help_is_with_a_leg_until_the_last_emergency_call_that_it_met_ends() -> None:
    made = Helped()
    assert [made.meet("leg", found) for found in ([], ["15"], ["15"], ["15", "112"], [])] == [
        False,
        True,
        False,
        False,
        False,
    ]
    assert "leg" in made
    assert made.end("15") == ()
    assert made.end("112") == ("leg",)
    assert "leg" not in made
    assert made.meet("leg", ["15"])


def test_a_leg_that_ends_is_forgotten_and_so_is_an_emergency_call_that_helped_itself() -> None:
    made = Helped()
    made.meet("15", ["15"])
    made.meet("leg", ["15"])
    made.meet("other", ["15"])
    assert made.end("leg") == ()
    assert made.end("15") == ("other",)
    assert [leg in made for leg in ("15", "leg", "other")] == [False, False, False]


def test_what_ended_unseen_is_learnt_from_what_is_up() -> None:
    made = Helped()
    made.meet("leg", ["15", "112"])
    made.meet("other", ["15"])
    made.meet("gone", ["112"])
    made.review({"leg", "other", "112"})
    assert [leg in made for leg in ("leg", "other", "gone")] == [True, False, False]
