"""What a gate tells the ledger with every operation."""

from callgate.core.sighting import Seen, Sighting, Ticks


def test_a_gate_that_never_had_an_answer_has_seen_nothing_and_its_wall_clock_proves_nothing() -> None:
    ticks = Ticks(boot="boot", uptime_s=60, wall_s=1_795_510_800)
    sighting = Sighting(gate="pbx1", seen=Seen(), offer="0123456789abcdef", ticks=ticks)
    assert (sighting.seen.epoch, sighting.seen.mine, sighting.ticks.is_synced) == ("", 0, False)
