"""The audio of a test phone, against the tables of G.711."""

import asyncio
import struct
from array import array

import pytest

import rtp
from sdp import PCMA, PCMU


def packet(payload: int, codes: bytes, *, first: int = 0x80) -> bytes:
    return struct.pack("!BBHII", first, payload, 1, 1, 1) + codes


@pytest.mark.parametrize(
    ("payload", "code", "sample"),
    [
        (PCMU, 0xFF, 0),
        (PCMU, 0x80, 32124),
        (PCMU, 0x00, -32124),
        (PCMA, 0xD5, 8),
        (PCMA, 0x55, -8),
        (PCMA, 0xAA, 32256),
        (PCMA, 0x2A, -32256),
    ],
)
def test_the_ends_and_the_middle_of_both_laws_decode_as_in_g711(payload: int, code: int, sample: int) -> None:
    assert rtp.decode(packet(payload, bytes([code]))) == array("h", [sample])


@pytest.mark.parametrize("datagram", [b"", b"x" * 12, packet(101, b"\x00"), packet(PCMU, b"", first=0x40)])
def test_what_is_not_audio_is_no_audio(datagram: bytes) -> None:
    assert rtp.decode(datagram) is None


@pytest.mark.parametrize("payload", [PCMU, PCMA])
def test_the_silence_that_a_phone_sends_is_heard_as_silence(payload: int) -> None:
    samples = rtp.decode(rtp.encode(payload, 70000))
    assert samples is not None
    heard = rtp.Heard()
    heard.add(samples, rtp.now())
    assert (len(samples), heard.packets, heard.first_sound_at) == (160, 1, None)


def test_no_more_than_thirty_seconds_are_kept() -> None:
    heard = rtp.Heard()
    for _ in range(31):
        heard.add(array("h", [0, 1000] * 4000), rtp.now())
    assert len(heard.samples) == rtp.SAMPLES_KEPT_MAX
    assert heard.packets == 31
    assert heard.first_packet_at == heard.first_sound_at


async def test_a_stream_hears_the_first_sound_and_not_the_silence_before() -> None:
    here, there = rtp.MediaStream("127.0.0.1"), rtp.MediaStream("127.0.0.1")
    there.send_silence(here.audio.host, here.audio.port, PCMU)
    with pytest.raises(TimeoutError):
        await here.wait_for_sound(0.1)
    assert here.heard.packets >= 2
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=(here.audio.host, here.audio.port)
    )
    transport.sendto(packet(PCMU, b"\x00\x80" * 80))
    sound = await here.wait_for_sound(1)
    assert here.heard.first_packet_at is not None
    assert sound.monotonic > here.heard.first_packet_at.monotonic
    transport.close()
    here.close()
    there.close()
