"""The contract of the policy revisions in force: append-only, numbered from 1, one series for each clinic."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime

from callgate.core.hold import Unavailable
from callgate.core.locks import Locks

HISTORY_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRevision:
    """One policy as it was put in force, and what is locked beside it.

    Fields:
        revision: its number; the next one, unless a gate republishes what a failover lost.
        author: who published it.
        at: when, aware, UTC.
        origin: where the document is from, such as ``file`` or ``console``; a lock or its end leaves that as it is.
        reason: why, in the author's words.
        document: the policy's text, at most 262,144 characters.
    """

    clinic: str
    revision: int
    author: str
    at: datetime
    origin: str
    reason: str
    document: str
    locks: Locks = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """This revision is in force."""

    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """Nothing was published: not the expected revision but this one (0: none) is in force. Read it first."""

    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPolicy:
    """There is no such revision."""


class Revisions(ABC):
    """Which policy is in force, and every one that was."""

    @abstractmethod
    async def publish(self, policy: PolicyRevision, expected: int) -> Published | Outdated | Unavailable:
        """Put a policy in force for the very next hold; the same one again changes nothing.

        Args:
            policy: its number is higher than `expected`.
            expected: the revision its author saw in force, 0 for none.
        """

    @abstractmethod
    async def fetch_policy(self, clinic: str, revision: int | None = None) -> PolicyRevision | NoPolicy | Unavailable:
        """Read one revision, or with None the one in force."""

    @abstractmethod
    async def policy_history(self, clinic: str) -> tuple[PolicyRevision, ...] | Unavailable:
        """Read the latest revisions, newest first, at most `HISTORY_MAX`."""
