"""The metrics of the running gate follow real calls and its store, and no number can be read in them."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from callgate.screening import leaks
from practice import CLINIC
from system.rig import IVORY_COAST, PARIS, Rig, wait_for

pytestmark = pytest.mark.system


def metrics(rig: Rig) -> str:
    return rig.lab.gate_exec("callgate", "status", "--metrics")


def figure(text: str, name: str, **labels: str) -> float | None:
    """One figure; None where nobody knows it."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return next((sample.value for sample in samples if (sample.name, sample.labels) == (name, labels)), None)


async def test_what_real_calls_spend_is_told_and_so_is_a_store_that_goes_away(rig: Rig) -> None:
    await rig.dial(PARIS)
    await rig.dial(IVORY_COAST)
    await rig.wait_for_no_holds()
    well = metrics(rig)
    spent = figure(well, "callgate_spent_amount", clinic=CLINIC, purse="national", currency="EUR", window="hour")
    assert spent is not None
    assert spent > 0
    assert figure(well, "callgate_live_holds", clinic=CLINIC) == 0
    assert figure(well, "callgate_degraded", cause="no_answer") == 0
    assert list(leaks(well)) == []
    assert [dialled for dialled in (PARIS, IVORY_COAST) if dialled[-9:] in well] == []
    rig.lab.redis_stop()
    try:
        away = wait_for(lambda: text if figure(text := metrics(rig), "callgate_degraded", cause="no_answer") else None)
    finally:
        rig.lab.redis_start()
    assert (figure(away, "callgate_gate_up"), figure(away, "callgate_ledger_up")) == (1, 0)
    assert figure(away, "callgate_live_holds", clinic=CLINIC) is None
    wait_for(lambda: figure(metrics(rig), "callgate_degraded", cause="no_answer") == 0)
