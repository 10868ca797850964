"""What the phone says: each prompt exists in both languages, is of the text it should be, and can be heard at once.

After a change of text: ``docker/prompts.sh``.
"""

import hashlib
import wave
from array import array
from pathlib import Path

import msgspec
import pytest

from callgate.texts.catalog import Language, catalog

SOUNDS = Path(__file__).parent.parent / "asterisk-conf" / "sounds"
RATE = 8000
FULL_SCALE = 32767
PLACE = "prompt."
PROMPTS = [
    pytest.param(language, key.removeprefix(PLACE), id=f"{language}-{key.removeprefix(PLACE)}")
    for language in Language
    for key in catalog(language)
    if key.startswith(PLACE)
]


class Made(msgspec.Struct, forbid_unknown_fields=True):
    """One line of the manifest: of which text a prompt was made, and how long it came out."""

    text_sha256: str
    seconds: float


MANIFEST = msgspec.json.decode((SOUNDS / "manifest.json").read_bytes(), type=dict[Language, dict[str, Made]])


def sound(language: Language, code: str) -> Path:
    return SOUNDS / language / "callgate" / f"{code}.wav"


def samples(language: Language, code: str) -> list[int]:
    with wave.open(str(sound(language, code))) as prompt:
        return list(array("h", prompt.readframes(prompt.getnframes())))


@pytest.mark.parametrize("language", Language)
def test_every_prompt_text_has_its_file_and_no_file_is_left_without_its_text(language: Language) -> None:
    codes = {key.removeprefix(PLACE) for key in catalog(language) if key.startswith(PLACE)}
    assert {file.name for file in sound(language, "").parent.iterdir()} == {f"{code}.wav" for code in codes}
    assert MANIFEST[language].keys() == codes


@pytest.mark.parametrize(("language", "code"), PROMPTS)
def test_a_prompt_was_made_of_the_text_it_has_today(language: Language, code: str) -> None:
    words = catalog(language)[PLACE + code]
    assert MANIFEST[language][code].text_sha256 == hashlib.sha256(words.encode()).hexdigest()


@pytest.mark.parametrize(("language", "code"), PROMPTS)
def test_a_prompt_is_in_the_one_form_asterisk_plays_without_conversion(language: Language, code: str) -> None:
    with wave.open(str(sound(language, code))) as prompt:
        assert (prompt.getframerate(), prompt.getnchannels(), prompt.getsampwidth()) == (RATE, 1, 2)


@pytest.mark.parametrize(("language", "code"), PROMPTS)
def test_a_prompt_takes_three_to_six_seconds(language: Language, code: str) -> None:
    seconds = len(samples(language, code)) / RATE
    assert 3 <= seconds <= 6
    assert MANIFEST[language][code].seconds == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize(("language", "code"), PROMPTS)
def test_a_prompt_speaks_within_a_tenth_of_a_second_and_stops_soon_after_its_last_word(
    language: Language, code: str
) -> None:
    loud = [position for position, value in enumerate(samples(language, code)) if abs(value) > FULL_SCALE // 100]
    assert loud[0] <= 0.1 * RATE
    assert len(samples(language, code)) - loud[-1] <= 0.3 * RATE


@pytest.mark.parametrize(("language", "code"), PROMPTS)
def test_a_prompt_is_neither_faint_nor_clipped(language: Language, code: str) -> None:
    heard = samples(language, code)
    loudness = (sum(value * value for value in heard) / len(heard)) ** 0.5
    assert 0.05 * FULL_SCALE < loudness < 0.2 * FULL_SCALE
    assert 0.5 * FULL_SCALE < max(map(abs, heard)) < 0.9 * FULL_SCALE


@pytest.mark.parametrize("code", MANIFEST[Language.FR])
def test_the_french_and_the_english_prompt_are_not_the_same_sound(code: str) -> None:
    assert samples(Language.FR, code) != samples(Language.EN, code)


@pytest.mark.parametrize("language", Language)
def test_each_reason_sounds_different_from_every_other(language: Language) -> None:
    sounds = [sound(language, code).read_bytes() for code in MANIFEST[language]]
    assert len(set(sounds)) == len(sounds)


def test_all_prompts_together_stay_small_enough_to_ship() -> None:
    assert sum(file.stat().st_size for file in SOUNDS.rglob("*.wav")) < 6_000_000
