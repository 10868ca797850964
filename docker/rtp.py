"""The audio of a test phone: PCMU and PCMA received as samples, silence sent every 20 ms (RFC 3550, 3551, G.711)."""

import asyncio
import contextlib
import socket
import struct
import time
from array import array
from dataclasses import dataclass, field

from sdp import PCMA, PCMU, Audio

PACKET_S = 0.02
SAMPLES_PER_PACKET = 160
SAMPLES_KEPT_MAX = 30 * 8000
DATAGRAM_MAX = 65535
SILENCE_PEAK = 64
"""Samples up to this are silence: the idle noise of G.711 stays below, speech is in the thousands."""

_VERSION = 2
_HEADER = struct.Struct("!BBHII")
_SILENT_BYTE = {PCMU: b"\xff", PCMA: b"\xd5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One moment on both clocks: `monotonic` for differences, `epoch` to compare with the carrier's log."""

    monotonic: float
    epoch: float


def now() -> Instant:
    """Read both clocks."""
    return Instant(monotonic=time.monotonic(), epoch=time.time())


def _ulaw(code: int) -> int:
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _alaw(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = mantissa + 8 if exponent == 0 else (mantissa + 0x108) << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude


_TABLES = {PCMU: [_ulaw(code) for code in range(256)], PCMA: [_alaw(code) for code in range(256)]}


def decode(packet: bytes) -> "array[int] | None":
    """Decode one RTP packet.

    Returns:
        16-bit samples at 8 kHz, or None for what is not a PCMU or PCMA packet.
    """
    if len(packet) < _HEADER.size or packet[0] >> 6 != _VERSION:
        return None
    table = _TABLES.get(packet[1] & 0x7F)
    if table is None:
        return None
    start = _HEADER.size + 4 * (packet[0] & 0x0F)
    return array("h", (table[code] for code in packet[start:]))


def encode(payload: int, sequence: int) -> bytes:
    """Make one packet of silence; `sequence` counts packets from 0."""
    header = _HEADER.pack(0x80, payload, sequence & 0xFFFF, sequence * SAMPLES_PER_PACKET & 0xFFFFFFFF, 0xCA11)
    return header + _SILENT_BYTE[payload] * SAMPLES_PER_PACKET


@dataclass(slots=True)
class Heard:
    """What came in: at most 30 s of samples, and when the first and last packet and the first sound did."""

    samples: "array[int]" = field(default_factory=lambda: array("h"))
    packets: int = 0
    first_packet_at: Instant | None = None
    last_packet_at: Instant | None = None
    first_sound_at: Instant | None = None

    def add(self, samples: "array[int]", at: Instant) -> None:
        """Take one packet's samples."""
        self.packets += 1
        self.first_packet_at = self.first_packet_at or at
        self.last_packet_at = at
        if self.first_sound_at is None and max(samples, default=0) - min(samples, default=0) > 2 * SILENCE_PEAK:
            self.first_sound_at = at
        self.samples.extend(samples[: max(0, SAMPLES_KEPT_MAX - len(self.samples))])


class MediaStream:
    """One UDP port for the audio of one call, bound at once; closed with the call."""

    def __init__(self, host: str, *, deaf: bool = False) -> None:
        """Bind a free port on `host`; a deaf stream leaves what comes in to the kernel, which drops it."""
        self.heard = Heard()
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._socket.bind((host, 0))
        self.audio = Audio(host=host, port=self._socket.getsockname()[1])
        if not deaf:
            self._loop.add_reader(self._socket, self._read)
        self._timer: asyncio.TimerHandle | None = None
        self._sent = 0

    async def wait_for_sound(self, within_s: float) -> Instant:
        """Wait for the first packet that is not silence.

        Raises:
            TimeoutError: if none came in time.
        """
        async with asyncio.timeout(within_s):
            while self.heard.first_sound_at is None:
                await self._hear()
        return self.heard.first_sound_at

    async def wait_for_packet(self, after: Instant, within_s: float) -> Instant:
        """Wait for a packet, silence too, that came in later than `after`.

        Raises:
            TimeoutError: if none came in time.
        """
        async with asyncio.timeout(within_s):
            while self.heard.last_packet_at is None or self.heard.last_packet_at.monotonic <= after.monotonic:
                await self._hear()
        return self.heard.last_packet_at

    def send_silence(self, host: str, port: int, payload: int) -> None:
        """Send silence to `host` every 20 ms until closed; a later call changes the target."""
        if self._timer is not None:
            self._timer.cancel()
        if port:
            self._send((host, port), payload, self._loop.time())

    def close(self) -> None:
        """Stop sending and free the port; what was heard stays."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                samples = decode(self._socket.recv(DATAGRAM_MAX))
                if samples is not None:
                    self.heard.add(samples, now())
                    self._news.set()

    async def _hear(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _send(self, target: tuple[str, int], payload: int, due: float) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendto(encode(payload, self._sent), target)
        self._sent += 1
        # From the instant it was due, so that the stream keeps its pace on a busy machine; never in a burst.
        due = max(due + PACKET_S, self._loop.time())
        self._timer = self._loop.call_at(due, self._send, target, payload, due)
