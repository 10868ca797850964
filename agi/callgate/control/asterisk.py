"""The real switch: one Asterisk, seen and moved through its manager interface."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog

from callgate.control.addresses import TrunkAddresses
from callgate.control.ami import Message
from callgate.control.board import WANTED, Board
from callgate.control.conversations import HOLDING
from callgate.control.legs import ANSWERED, FOR, GRANT, LEG, endpoint_of
from callgate.control.link import Account, Link, Listener
from callgate.control.news import Found, GrantWanted, Happened, LegNews, News, NumberWanted, TargetWanted
from callgate.control.switch import Leg, Switch, Watcher

WARNING_CONTEXT = "callgate-warning"
WARNED_MAX = 3
"""So many parties of the clinic hear the warning of one leg: a conference has no end."""
CONFIRM_S = 3.0
"""A leg that is found without a grant may be about to get one; after this it gets none, for the dialplan takes no grant
that is older (asterisk-conf/road.conf)."""
READ_AT_ONCE = 50
"""Questions about channels that were up before: so many are on their way at once, or those behind them time out."""
READ_TRIES = 3
"""Who is not known after so many tries is not looked after as long as this link is up; most such channels are gone."""
ASK_PAUSE_S = 0.1
"""A busy Asterisk that does not say something of a leg is asked again after this, as long as the leg is up."""
_REMOTE_URI = "CHANNEL(pjsip,remote_uri)"
_REQUEST_URI = "CHANNEL(pjsip,request_uri)"
_TARGET_URI = "CHANNEL(pjsip,target_uri)"
ADDRESSES_PAUSE_S = 60.0
_LIMIT = "TIMEOUT(absolute)"
_LISTED = ("ActionID", "Channel", "ChannelState", "ChannelStateDesc")
_LISTS = {"CoreShowChannel": "", "CoreShowChannelsComplete": "", "BridgeListItem": "", "BridgeListComplete": ""}
_UP = "6"
_NOT_ONLY_A_NAME = re.compile(r'[\x00-\x1f,"\\()\[\]]')
"""What would end a line or an argument: the name of a Local channel has what was dialled, percent-encoding undone."""

log = structlog.get_logger()


class ReadingFailedError(OSError):
    """Asterisk does not say which channels are up: nothing is known of them, and the link is made anew."""


class AsteriskSwitch(Switch, Listener):
    """One Asterisk. `run` keeps the link up; watchers are told in the order in which they came.

    Args:
        account: how to log in.
        board: makes an empty board: one is kept as long as a link.
        clock: aware UTC.
    """

    def __init__(self, account: Account, board: Callable[[], Board], clock: Callable[[], datetime]) -> None:
        self._link = Link(account, {**WANTED, **_LISTS}, self)
        self._make_board = board
        self._board = board()
        self._addresses = TrunkAddresses(self._board.endpoints, self._function)
        self._clock = clock
        self._watchers: list[Watcher] = []
        self._asking: set[asyncio.Task[None]] = set()
        self._is_linked = False

    def watch(self, watcher: Watcher) -> None:
        """Tell a watcher from now on."""
        self._watchers.append(watcher)

    async def run(self) -> None:
        """Keep the link up, for ever."""
        try:
            await self._link.run()
        finally:
            for task in self._asking:
                task.cancel()

    @property
    def is_linked(self) -> bool:
        """See `Switch.is_linked`."""
        return self._is_linked

    def legs(self) -> tuple[Leg, ...]:
        """See `Switch.legs`."""
        return self._board.legs()

    async def hang_up(self, channel: str) -> bool:
        """See `Switch.hang_up`."""
        answer = await self._link.ask("Hangup", Channel=channel)
        return answer is not None and (answer.is_success or answer.last("Message") == "No such channel")

    async def limit(self, channel: str, seconds: int) -> bool:
        """See `Switch.limit`. Not by AbsoluteTimeout, which refuses to take a limit away (Asterisk 22.10)."""
        answer = await self._link.ask("Setvar", Channel=channel, Variable=_LIMIT, Value=str(seconds))
        return answer is not None and answer.is_success

    async def is_limited(self, channel: str) -> bool | None:
        """See `Switch.is_limited`."""
        left_s = await self._variable(channel, _LIMIT)
        return left_s.strip("0.") != "" if left_s else None

    async def warn(self, channel: str) -> bool:
        """See `Switch.warn`: somebody whispers to the clinic's party; whispered words go to nobody else."""
        parties = self._board.clinic_parties(channel)[:WARNED_MAX]
        return any([await self._whisper(party) for party in parties])

    async def _whisper(self, party: str) -> bool:
        if _NOT_ONLY_A_NAME.search(party):
            return False
        answer = await self._link.ask(
            "Originate",
            Channel=f"Local/tone@{WARNING_CONTEXT}/n",
            Application="ChanSpy",
            # u: exactly this channel, W: only to it, q: no beep, E: until it ends.
            Data=f"{party},uWqE",
            Async="true",
        )
        return answer is not None and answer.is_success

    async def opened(self) -> None:
        """See `Listener.opened`: reads what is up, and says so.

        Raises:
            ReadingFailedError: Asterisk does not list its channels.
        """
        self._start(self._learn_addresses())
        found = await self._read()
        self._tell(self._board.found(found, self._clock()))
        self._is_linked = True
        log.info("control.linked", legs=len(self._board.legs()), channels=len(found))
        for watcher in self._watchers:
            watcher.linked()

    def heard(self, message: Message) -> None:
        """See `Listener.heard`."""
        self._tell(self._board.hear(message, self._clock()))

    def lost(self) -> None:
        """See `Listener.lost`: what is not seen any more is not known any more."""
        self._board = self._make_board()
        if self._is_linked:
            self._is_linked = False
            for watcher in self._watchers:
                watcher.unlinked()

    def _tell(self, news: tuple[News, ...]) -> None:
        for one in news:
            match one:
                case NumberWanted():
                    self._start(self._ask_number(one.channel))
                case GrantWanted():
                    self._start(self._ask_grant(one.channel))
                case TargetWanted():
                    self._start(self._ask_target(one.channel))
                case LegNews():
                    for watcher in self._watchers:
                        _tell(watcher, one)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask_number(self, channel: str) -> None:
        board = self._board

        async def ask() -> str | None:
            # Not the target URI: that is another one as soon as the carrier has answered, if only that it rings.
            uri = await self._variable(channel, _REMOTE_URI)
            if board is self._board:
                self._tell(board.dials(channel, uri or ""))
            # Asterisk says "" of a channel that it cannot ask.
            return uri or None

        await self._insist(channel, ask)

    async def _ask_target(self, channel: str) -> None:
        """Ask what address a channel on no trunk calls, as long as it is there."""
        board = self._board
        uri, began_as = [
            await self._insist(channel, partial(self._variable, channel, name)) or ""
            for name in (_TARGET_URI, _REMOTE_URI)
        ]
        called = partial(self._addresses.trunk_called, endpoint_of(channel), uri, began_as)
        trunk = await self._insist(channel, called) or ""
        if board is self._board:
            self._tell(board.aims(channel, trunk))

    async def _learn_addresses(self) -> None:
        """Learn the trunks' addresses again and again, as long as this link is up."""
        board = self._board
        while board is self._board:
            await self._addresses.learn()
            await asyncio.sleep(ADDRESSES_PAUSE_S)

    async def _ask_grant(self, channel: str) -> None:
        """Ask what no event told."""
        board = self._board
        grant = await self._insist(channel, partial(self._variable, channel, GRANT))
        names = (LEG, FOR) if grant else ()
        values = await asyncio.gather(*(self._variable(channel, name) for name in names))
        told = zip((GRANT, *names), (grant, *values), strict=True)
        if board is self._board:
            self._tell(board.shows(channel, {name: value for name, value in told if value}))

    async def _insist(self, channel: str, ask: Callable[[], Awaitable[str | None]]) -> str | None:
        """Ask as long as a leg is up: nobody is ended, or let go, because Asterisk is busy."""
        board = self._board
        while True:
            value = await ask()
            if value is not None or board is not self._board or not board.is_up(channel):
                return value
            await asyncio.sleep(ASK_PAUSE_S)

    async def _read(self) -> list[Found]:
        bridges = await self._link.ask_list("BridgeList")
        channels = await self._link.ask_list("CoreShowChannels")
        if bridges is None or channels is None:
            raise ReadingFailedError(
                "CoreShowChannels or BridgeList fails: see the account's rights in docs/control.md"
            )
        holding = {item.last("BridgeUniqueid") for item in bridges if item.last("BridgeTechnology") == HOLDING}
        gate = asyncio.Semaphore(READ_AT_ONCE)
        return await asyncio.gather(*(self._found(item, holding, gate) for item in channels if item.opening(*_LISTED)))

    async def _found(self, item: Message, holding: set[str], gate: asyncio.Semaphore) -> Found:
        channel, bridge = item.lines[2][1], item.last("BridgeId")
        found = Found(
            channel=channel,
            uniqueid=item.last("Uniqueid"),
            linkedid=item.last("Linkedid"),
            bridge="" if bridge in holding else bridge,
            is_up=item.lines[3][1] == _UP,
        )
        if not self._board.is_carrier(channel):
            return found
        read = await self._told(found, gate)
        if read.is_outgoing and not (read.variables[GRANT] or read.variables[LEG]):
            await asyncio.sleep(CONFIRM_S)
            read = await self._told(found, gate)
        return read

    async def _told(self, found: Found, gate: asyncio.Semaphore) -> Found:
        """Ask for what a channel on a carrier trunk says of itself."""
        names = (GRANT, LEG, FOR, ANSWERED)
        async with gate:
            asked, remote_uri, *values = await asyncio.gather(
                *(self._variable_of_found(found.channel, name) for name in (_REQUEST_URI, _REMOTE_URI, *names))
            )
        variables = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        return replace(
            found,
            # Only an incoming call has a request URI. Who does not say so, or keeps back its grant, is not touched.
            is_outgoing=asked == "" and bool(remote_uri) and {GRANT, LEG} <= variables.keys(),
            remote_uri=remote_uri or "",
            variables=variables,
        )

    async def _variable_of_found(self, channel: str, name: str) -> str | None:
        for _ in range(READ_TRIES):
            if (value := await self._variable(channel, name)) is not None:
                return value
            await asyncio.sleep(ASK_PAUSE_S)
        return None

    async def _function(self, name: str) -> str | None:
        """Read a function that is no channel's; as `_variable`."""
        answer = await self._link.ask("Getvar", Variable=name)
        return answer.last("Value") if answer is not None and answer.is_success else None

    async def _variable(self, channel: str, name: str) -> str | None:
        """Ask for a variable; None if Asterisk does not say, "" where it is not set."""
        answer = await self._link.ask("Getvar", Channel=channel, Variable=name)
        return answer.last("Value") if answer is not None and answer.is_success else None


def _tell(watcher: Watcher, news: LegNews) -> None:
    match news.what:
        case Happened.BEGAN:
            watcher.began(news.leg)
        case Happened.NUMBERED:
            watcher.numbered(news.leg)
        case Happened.ANSWERED:
            watcher.answered(news.leg)
        case Happened.ENDED:
            watcher.ended(news.leg)
        case Happened.BETWEEN_OUTSIDERS:
            watcher.between_outsiders(news.leg)
        case Happened.WITH_EMERGENCY:
            watcher.with_emergency(news.leg)
        case Happened.WITHOUT_EMERGENCY:
            watcher.without_emergency(news.leg)
