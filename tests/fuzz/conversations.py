"""Byte streams that were AGI conversations once: what Asterisk sends in one run, cut, doubled, forged and spoiled.

Only random bytes would never get past the first line. So each stream begins as a whole conversation and a few changes
are made to it; most keep some of its lines whole, so that every state of a session is reached.
"""

from collections.abc import Callable
from random import Random

from clinic_samples import header

REPLIES = (
    b"200 result=1\n",
    b"100 result=0 Trying...\n200 result=0\n",
    b"200 result=1 (0142685300) endpos=160\n",
    b"510 Invalid or unknown command\n",
    b"511 Command Not Permitted on a dead channel or intercept routine\n",
    b"520-Invalid command syntax.  Proper usage follows:\nUsage: ANSWER\n520 End of proper usage.\n",
    b"520-Invalid command syntax.  Proper usage follows:\nUsage: ANSWER520 End of proper usage.\n",
    b"HANGUP\n",
)
WORDS = (
    *(
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\0",
        b"HANGUP\n",
        b"\nHANGUP\n",
        b"520-",
        b"520 End of proper usage.\n",
        b"200 result=",
    ),
    *(
        b"agi_arg_1: entry=callgate\n",
        b"agi_network_script: v1\n",
        b"agi_",
        b": ",
        b" (",
        b")",
        b'="',
        b"\\",
        b"-",
        b"_",
    ),
    *(b"%0A", b"%00", b"\xff", b"\xc3\xa9", b"\xe2\x80\xae", b"\xd9\xa1", b"\x1b[2J", b"$(x)", b"${X}", b"9" * 30),
)
"""What a stranger would put in: ends of lines, marks of the protocol, and what other programs take for more."""

DIALLED = ("00142685300", "0003225551212", "15", "*31#*31#15", "00590271212", "%2B14155551212", "0899701234", "")
LONG_MAX_BYTES = 70_000
CHANGES_MAX = 4

Change = Callable[[Random, bytes], bytes]


def conversation(rng: Random, **changes: str) -> bytes:
    """All that Asterisk says in one run, as it would, with some arguments changed."""
    number = rng.getrandbits(32)
    asked = {
        "passage": f"{number:08x}-1111-4111-8111-111111111111",
        "nonce": f"{number:08x}-2222-4222-8222-222222222222",
    }
    question = header(**asked, **changes, dialled=rng.choice(DIALLED))
    return question + b"".join(rng.choices(REPLIES, k=rng.randrange(4)))


def stream(rng: Random, **changes: str) -> bytes:
    """One stream: a conversation with up to four changes, or none, or plain noise once in fifty times.

    Args:
        rng: draws all of it.
        changes: arguments that the dialplan would give otherwise; a real gate wants to be asked now.
    """
    if rng.randrange(50) == 0:
        return rng.randbytes(rng.randrange(2_000))
    data = conversation(rng, **changes)
    for _ in range(rng.randrange(CHANGES_MAX + 1)):
        data = rng.choice(CHANGES)(rng, data)
    return data[:LONG_MAX_BYTES]


def pieces(rng: Random, data: bytes) -> list[bytes]:
    """Cut a stream as a network may: in one piece, in a few, or byte by byte where it is short."""
    if len(data) < 100 and rng.randrange(4) == 0:
        return [data[at : at + 1] for at in range(len(data))]
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(4)))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _part(rng: Random, data: bytes) -> tuple[int, int]:
    begin = rng.randrange(len(data) + 1)
    return begin, min(begin + rng.randrange(80), len(data))


def _cut_off(rng: Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _take_out(rng: Random, data: bytes) -> bytes:
    begin, end = _part(rng, data)
    return data[:begin] + data[end:]


def _say_twice(rng: Random, data: bytes) -> bytes:
    begin, end = _part(rng, data)
    return data[:end] + data[begin:]


def _spoil(rng: Random, data: bytes) -> bytes:
    begin, end = _part(rng, data)
    return data[:begin] + rng.randbytes(min(end - begin, 8)) + data[end:]


def _put_in(rng: Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(WORDS) + data[at:]


def _shuffle_lines(rng: Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    rng.shuffle(lines)
    return b"".join(lines)


def _join(rng: Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)] + conversation(rng)[rng.randrange(200) :]


def _swell(rng: Random, data: bytes) -> bytes:
    """Make one place long: rarely, for such streams take a hundred times as long."""
    at, times = rng.randrange(len(data) + 1), 1 if rng.randrange(20) else rng.choice((200, 2_000, LONG_MAX_BYTES))
    return data[:at] + rng.choice(WORDS) * times + data[at:]


CHANGES: tuple[Change, ...] = (_cut_off, _take_out, _say_twice, _spoil, _put_in, _shuffle_lines, _join, _swell)
"""What may be done to a stream."""
