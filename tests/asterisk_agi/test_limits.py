"""Every limit has its figure, and the figures are those the installer was told."""

from asterisk_agi import ALLOWED, Limit


def test_every_limit_has_a_figure() -> None:
    assert set(ALLOWED) == set(Limit)


def test_a_header_is_at_most_16_kib_in_128_lines() -> None:
    assert (ALLOWED[Limit.HEADER_BYTES], ALLOWED[Limit.HEADER_LINES]) == (16_384, 128)
