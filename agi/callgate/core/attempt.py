"""One try to place a call, as it reached the gate."""

from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """Where an attempt comes from, as the dialplan finds it on the channel; never a word of the caller's.

    `EXTENSION` to `FAX` have a line of the clinic that is charged; `VOICEMAIL`, `DISA` and `FOLLOW_ME` say which
    application placed a call for a line; a caller from outside in one of these is `EXTERNAL`. `FORWARDED` is also what
    comes of a program that redirects a call.

    `ORIGINATED` is what AMI, ARI, the command line or a call file has begun, with the phone that it rings first. On the
    channel they are all alike: a `CALL_FILE` is only known where somebody says so, as in a list of attempts.
    """

    EXTENSION = "extension"
    PHONE_FORWARDED = "phone_forwarded"
    FORWARDED = "forwarded"
    TRANSFERRED = "transferred"
    FAX = "fax"
    EXTERNAL = "external"
    VOICEMAIL = "voicemail"
    DISA = "disa"
    FOLLOW_ME = "follow_me"
    ORIGINATED = "originated"
    CALL_FILE = "call_file"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAttempt:
    """What one passage through the gate asks.

    Fields:
        passage: the passage's own id, made by the dialplan before anything is sent; repeated only by its retries.
        attempt: which trunk attempt of the passage this is, from 1.
        supersedes: the grant id of the previous trunk attempt of the same passage, or "".
        nonce: echoed in the verdict, so that a verdict for another question is none.
        clinic, entry, trunk: names from the settings.
        extension: the internal line that dials, or "" if none is known.
        caller_id: the number presented; never proof of identity.
        dialled: the digits as the extension sent them, untouched.
    """

    passage: str
    attempt: int
    supersedes: str
    nonce: str
    clinic: str
    entry: str
    trunk: str
    extension: str
    caller_id: str
    dialled: str
    origin: Origin
