"""Which address is whose trunk's: what Asterisk says of its configuration, names, ports, and other trunks."""

from collections.abc import Mapping

import pytest

from callgate.control.addresses import TrunkAddresses, address_of

CONFIGURED = {
    "PJSIP_ENDPOINT(carrier-a,aors)": "carrier-a, spare",
    "PJSIP_AOR(carrier-a,contact)": "carrier-a@@1,carrier-a;@2",
    "PJSIP_CONTACT(carrier-a@@1,uri)": "sip:192.0.2.2:5080",
    "PJSIP_CONTACT(carrier-a;@2,uri)": "sip:192.0.2.7:5080",
    "PJSIP_AOR(spare,contact)": "spare@@1,spare@@2",
    "PJSIP_CONTACT(spare@@1,uri)": "sip:localhost",
    "PJSIP_CONTACT(spare@@2,uri)": "sip:[2001:db8::1]:5090",
    "PJSIP_ENDPOINT(carrier-b,aors)": "carrier-b",
    "PJSIP_AOR(carrier-b,contact)": "carrier-b@@1,carrier-b@@2",
    "PJSIP_CONTACT(carrier-b@@1,uri)": "",
    "PJSIP_CONTACT(carrier-b@@2,uri)": "sip:nobody.invalid",
    "PJSIP_ENDPOINT(fax,aors)": "fax",
    "PJSIP_AOR(fax,contact)": "fax@@1",
    "PJSIP_CONTACT(fax@@1,uri)": "sip:fax@192.0.2.2:5080",
    "PJSIP_ENDPOINT(102,aors)": "102",
    "PJSIP_AOR(102,contact)": "102;@1",
    "PJSIP_CONTACT(102;@1,uri)": "sip:+33142685300@192.0.2.2:5080",
}


async def known(says: Mapping[str, str | None]) -> TrunkAddresses:
    async def ask(function: str) -> str | None:
        return says.get(function, "")

    made = TrunkAddresses(["carrier-a", "carrier-b"], ask)
    await made.learn()
    return made


@pytest.mark.parametrize(
    ("endpoint", "uri", "trunk"),
    [
        ("102", "sip:+33142685300@192.0.2.2:5080", "carrier-a"),
        ("103", "sip:0088216@192.0.2.2:5080;user=phone", "carrier-a"),
        ("103", "sip:1@127.0.0.1", "carrier-a"),
        ("103", "sip:1@LOCALHOST", "carrier-a"),
        ("103", "sip:1@[2001:db8::1]:5090", "carrier-a"),
        ("103", "sip:1@nobody.invalid", "carrier-b"),
        # Behind the same router as the carrier, and a phone's own.
        ("103", "sip:103@192.0.2.2:5060", ""),
        ("103", "sip:103@192.0.2.2", ""),
        ("103", "sip:103@192.0.2.7:5080", ""),
        ("103", "", ""),
        # A line of the very device that has the trunk, too: an internal or incoming call rings there.
        ("103", "sip:103@192.0.2.2:5080;ob", ""),
        ("102", "sip:103@192.0.2.2:5080", "carrier-a"),
        # A trunk that is not in the settings is not watched.
        ("fax", "sip:0142685300@192.0.2.2:5080", ""),
    ],
)
async def test_a_call_to_a_trunks_address_is_the_trunks_by_whatever_endpoint(
    endpoint: str, uri: str, trunk: str
) -> None:
    assert await (await known(CONFIGURED)).trunk_called(endpoint, uri, uri) == trunk


@pytest.mark.parametrize(
    ("began_as", "uri", "trunk"),
    [
        ("<sip:103@192.0.2.2>", "sip:gateway@192.0.2.2:5080", ""),
        ("sip:103@192.0.2.2:5080", "sip:192.0.2.2:5080", ""),
        # The phone's 302 leads to the carrier.
        ("sip:103@192.0.2.9:5060", "sip:0088216@192.0.2.2:5080", "carrier-a"),
        ("sip:0088216@192.0.2.2:5080", "sip:103@192.0.2.2:5080", "carrier-a"),
        ("", "sip:0088216@192.0.2.2:5080", "carrier-a"),
    ],
)
async def test_a_device_that_rings_is_what_was_called_whatever_it_calls_itself(
    began_as: str, uri: str, trunk: str
) -> None:
    """Once it rang, its own Contact stood in the place of the line, and the internal call was hung up."""
    assert await (await known(CONFIGURED)).trunk_called("103", uri, began_as) == trunk


async def test_what_asterisk_does_not_say_again_stays_known() -> None:
    says: dict[str, str | None] = {**CONFIGURED}
    made = await known(says)
    says |= dict.fromkeys(name for name in CONFIGURED if "102" not in name)
    await made.learn()
    assert await made.trunk_called("102", "sip:1@192.0.2.2:5080", "") == "carrier-a"


@pytest.mark.parametrize("silent", ["PJSIP_ENDPOINT(fax,aors)", "PJSIP_AOR(fax,contact)", "PJSIP_CONTACT(fax@@1,uri)"])
async def test_while_asterisk_does_not_say_what_an_endpoint_is_nobody_knows_whose_trunk_it_calls(silent: str) -> None:
    """A call by a trunk that is not watched was once hung up because Asterisk was busy."""
    made = await known({**CONFIGURED, silent: None})
    assert await made.trunk_called("fax", "sip:0142685300@192.0.2.2:5080", "") is None


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("sip:192.0.2.2:5080", "192.0.2.2:5080"),
        ("sip:x@Carrier.Example", "carrier.example:5060"),
        ("sips:x@carrier.example", "carrier.example:5061"),
        ("sip:carrier.example;transport=TLS", "carrier.example:5061"),
        ("sip:x@carrier.example:5062;transport=tls", "carrier.example:5062"),
        ("sip:x@[2001:db8::1]", "[2001:db8::1]:5060"),
        ("tel:+33142685300", ""),
        ('"Line" <sip:x@192.0.2.2:5080>', "192.0.2.2:5080"),
        ("", ""),
    ],
)
def test_an_address_is_a_host_and_a_port(uri: str, address: str) -> None:
    assert address_of(uri) == address
