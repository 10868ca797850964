"""A clinic's keys share one hash tag, so that its whole ledger lives in one slot of a cluster."""

from callgate.ledger.keys import clinic_keys


def test_every_key_of_a_clinic_has_the_clinic_as_its_only_hash_tag() -> None:
    keys = clinic_keys("cabinet-des-lilas")
    assert len(set(keys)) == len(keys) == 9
    assert {key[: key.index("}") + 1] for key in keys} == {"cg:{cabinet-des-lilas}"}
    assert all(key.count("{") == key.count("}") == 1 for key in keys)
