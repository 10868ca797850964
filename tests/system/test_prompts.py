"""The caller hears why, in the phone's language: the file Asterisk played and the sound that arrived are compared."""

import array
import math
import wave
from pathlib import Path

import pytest

import practice
from lab_images import ROOT
from system.rig import IVORY_COAST, WITHIN_S, Rig

pytestmark = pytest.mark.system

SOUNDS = ROOT / "asterisk-conf" / "sounds"
RATE = 8000


def envelope(samples: "array.array[int]") -> list[float]:
    """Loudness in steps of 20 ms, from the first sound on."""
    step = RATE // 50
    loud = [
        sum(abs(sample) for sample in samples[start : start + step]) / step
        for start in range(0, len(samples) - step, step)
    ]
    first = next((place for place, value in enumerate(loud) if value > 300), 0)
    return loud[first:]


def likeness(heard: list[float], prompt: list[float]) -> float:
    """Correlation of two envelopes over their common length, tried with a shift of up to 100 ms: 1 is the same."""

    def correlation(one: list[float], other: list[float]) -> float:
        size = min(len(one), len(other))
        one, other = one[:size], other[:size]
        mean_one, mean_other = sum(one) / size, sum(other) / size
        covariance = sum((x - mean_one) * (y - mean_other) for x, y in zip(one, other, strict=True))
        spread_one = sum((x - mean_one) ** 2 for x in one)
        spread_other = sum((y - mean_other) ** 2 for y in other)
        return covariance / math.sqrt(spread_one * spread_other)

    return max(correlation(heard[shift:], prompt) for shift in range(6)) if heard else 0.0


def prompt(language: str, reason: str) -> list[float]:
    """The envelope of a shipped prompt."""
    with wave.open(str(SOUNDS / language / "callgate" / f"{reason}.wav")) as sound:
        return envelope(array.array("h", sound.readframes(sound.getnframes())))


async def heard_by_101(rig: Rig) -> list[float]:
    """Dial a refused country and listen to the end."""
    async with rig.phones("101") as (phone,):
        call = phone.call(IVORY_COAST)
        await call.wait_for_final(WITHIN_S + 4)
    return envelope(call.media.heard.samples)


def played(rig: Rig) -> str:
    """The last file Asterisk says it played."""
    log = (rig.lab.folder / "log" / "messages").read_text(encoding="utf-8", errors="replace")
    return next(line for line in reversed(log.splitlines()) if "Playing '" in line)


async def test_a_french_phone_hears_french(rig: Rig) -> None:
    heard = await heard_by_101(rig)
    assert f"{practice.SOUNDS}/fr/callgate/country_refused" in played(rig)
    assert likeness(heard, prompt("fr", "country_refused")) > 0.95
    assert likeness(heard, prompt("en", "country_refused")) < 0.8


async def test_an_english_phone_hears_english(rig: Rig) -> None:
    rig.set_phone_language("en")
    try:
        heard = await heard_by_101(rig)
    finally:
        rig.set_phone_language("fr")
    assert f"{practice.SOUNDS}/en/callgate/country_refused" in played(rig)
    assert likeness(heard, prompt("en", "country_refused")) > 0.95
    assert likeness(heard, prompt("fr", "country_refused")) < 0.8


async def test_a_language_we_do_not_speak_hears_the_clinics_and_never_silent_english(rig: Rig) -> None:
    rig.set_phone_language("de")
    try:
        heard = await heard_by_101(rig)
    finally:
        rig.set_phone_language("fr")
    assert likeness(heard, prompt("fr", "country_refused")) > 0.95


def test_every_prompt_is_there_in_both_languages() -> None:
    folders = [sorted(path.name for path in Path(SOUNDS / name / "callgate").glob("*.wav")) for name in ("fr", "en")]
    assert folders[0] == folders[1] != []
