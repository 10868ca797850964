"""Session descriptions of one audio stream, PCMU and PCMA only (RFC 4566, RFC 3264)."""

import re
from dataclasses import dataclass

PCMU = 0
PCMA = 8
_NAMES = {PCMU: "PCMU", PCMA: "PCMA"}
_CONNECTION = re.compile(rb"^c=IN IP4 (\S+)", re.MULTILINE)
_AUDIO = re.compile(rb"^m=audio (\d+) \S+ ([\d ]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """Where one side wants its audio: address, UDP port, and the payload types it takes, best first."""

    host: str
    port: int
    payloads: tuple[int, ...] = (PCMU, PCMA)


def write(audio: Audio) -> bytes:
    """Describe a stream that sends and receives."""
    lines = ["v=0", f"o=- 1 1 IN IP4 {audio.host}", "s=callgate lab", f"c=IN IP4 {audio.host}", "t=0 0"]
    lines.append(f"m=audio {audio.port} RTP/AVP {' '.join(map(str, audio.payloads))}")
    lines += [f"a=rtpmap:{payload} {_NAMES[payload]}/8000" for payload in audio.payloads]
    lines += ["a=ptime:20", "a=sendrecv", ""]
    return "\r\n".join(lines).encode()


def read(body: bytes) -> Audio | None:
    """Find the audio stream of a description; None where there is none that we can speak."""
    connection, audio = _CONNECTION.search(body), _AUDIO.search(body)
    if connection is None or audio is None:
        return None
    payloads = tuple(payload for payload in map(int, audio[2].split()) if payload in _NAMES)
    if not payloads:
        return None
    return Audio(host=connection[1].decode(), port=int(audio[1]), payloads=payloads)
