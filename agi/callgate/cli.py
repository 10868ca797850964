"""The command `callgate`: reads the command line, runs one command, and shows no traceback to anybody."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from callgate.commands import Exit
from callgate.commands.audit import add_audit
from callgate.commands.blocked import blocked, since_instant
from callgate.commands.check import check
from callgate.commands.classify import classify
from callgate.commands.context import printable, warn
from callgate.commands.dialplan import dialplan
from callgate.commands.exposure import add_exposure
from callgate.commands.journal import add_journal
from callgate.commands.ledger import add_ledger
from callgate.commands.lock import add_lock
from callgate.commands.plan import add_plan
from callgate.commands.policy import apply, history, show, validate
from callgate.commands.purge import purge
from callgate.commands.rate import add_rate
from callgate.commands.rates import add_rates
from callgate.commands.replay import add_replay
from callgate.commands.serve import serve
from callgate.commands.status import status
from callgate.commands.support_bundle import add_support_bundle
from callgate.commands.words import iso_instant, matching, outside_prefix
from callgate.errors import CallgateError
from callgate.settings import DEFAULT_SETTINGS
from callgate.telemetry import configure_command_logs

WORDS_MAX = 200


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line `words`, or the process's own; returns the exit code of `callgate.commands.Exit`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that lacks a letter gets its code; it does not lose the answer.
        sys.stdout.reconfigure(errors="backslashreplace")
    arguments = parser().parse_args(words)
    if words is None:
        configure_command_logs()
    try:
        code: Exit = arguments.run(arguments)
        sys.stdout.flush()
    except CallgateError as error:
        _complain(str(error))
        return Exit.INVALID
    except PermissionError as error:
        _complain(f"{error.filename}: permission denied. Remedy: run as the daemon's user, or root")
        return Exit.PERMISSION
    except BrokenPipeError:
        # Whoever read the answer has seen enough, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except OSError as error:
        where = error.filename or "input or output"
        _complain(f"{where}: {error.strerror or error}. Remedy: see to that file, and try again")
        return Exit.INVALID
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return code


def _complain(text: str) -> None:
    """Write what is wrong; several mistakes keep their lines, and what a file says cannot play with the terminal."""
    warn("callgate: " + "\n".join(map(printable, text.split("\n"))))


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(prog="callgate", description="Gatekeeper for outbound calls on Asterisk.")
    top.add_argument("--version", action="version", version=f"callgate {version('callgate')}")
    top.add_argument(
        "--settings",
        type=Path,
        default=Path(os.environ.get("CALLGATE_SETTINGS", DEFAULT_SETTINGS)),
        metavar="FILE",
        help=f"the installer's settings ({DEFAULT_SETTINGS})",
    )
    top.add_argument("--language", choices=("fr", "en"), default=_language(), help="of the answers (from $LANG)")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", help="run the daemon")
    serving.set_defaults(run=serve)
    # Only the daemon itself can use it: what it hands its worker.
    serving.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    _add_check(commands.add_parser)
    classifying = commands.add_parser("classify", help="say what each dialled string of a CSV file means")
    classifying.add_argument("rows", type=Path, metavar="ROWS.csv", help="columns home_country,outside_prefix,dialled")
    classifying.set_defaults(run=classify)
    _add_policy(commands.add_parser)
    add_lock(commands.add_parser, _words)
    add_plan(commands.add_parser)
    add_rates(commands.add_parser)
    add_rate(commands.add_parser)
    add_replay(commands.add_parser)
    add_exposure(commands.add_parser)
    add_journal(commands.add_parser)
    add_ledger(commands.add_parser, _words)
    add_audit(commands.add_parser)
    _add_views(commands.add_parser)
    add_support_bundle(commands.add_parser)
    purging = commands.add_parser("purge", help="remove what may no longer be kept, as the daemon does by itself")
    purging.set_defaults(run=purge)
    writing = commands.add_parser("dialplan", help="write the dialplan of this installation")
    writing.add_argument("--last-resort", action="store_true", help="the context for the installer's own file")
    writing.set_defaults(run=dialplan)
    return top


AddCommand = Callable[..., argparse.ArgumentParser]


def _add_check(add_command: AddCommand) -> None:
    checking = add_command("check", help="explain what the gate would say to a call; changes nothing")
    checking.add_argument("number", metavar="NUMBER", help="as the extension would dial it")
    checking.add_argument("--policy", type=Path, metavar="FILE", help="ask this policy instead of the one in force")
    checking.add_argument("--rates", type=Path, metavar="FILE", help="another rate deck, in the same currency")
    checking.add_argument("--at", type=iso_instant, metavar="ISO", help="when, on the clinic's clock (now)")
    checking.add_argument("--extension", type=_extension, default="", metavar="N", help="which line dials")
    checking.add_argument("--prefix", type=outside_prefix, metavar="DIGIT", help="outside prefix, if not the entry's")
    checking.add_argument("--clinic", metavar="NAME", help="whose rules, where there are several")
    checking.add_argument("--json", action="store_true", help="one JSON object")
    checking.set_defaults(run=check)


def _add_policy(add_command: AddCommand) -> None:
    policies = add_command("policy", help="the clinic's rules").add_subparsers(
        dest="policy_command", required=True, metavar="validate|apply|show|history"
    )
    validating = policies.add_parser("validate", help="check a policy file")
    validating.add_argument("file", type=Path, metavar="FILE")
    validating.set_defaults(run=validate)
    applying = policies.add_parser("apply", help="put a policy file in force, from the very next call")
    applying.add_argument("file", type=Path, metavar="FILE")
    applying.add_argument("--reason", type=_words, default="", help="for the record")
    applying.add_argument("--author", type=_words, default="", help="for the record (you)")
    applying.set_defaults(run=apply)
    showing = policies.add_parser("show", help="print the policy in force")
    showing.add_argument("--revision", type=_revision, metavar="N", help="an earlier one")
    showing.add_argument("--clinic", metavar="NAME")
    showing.set_defaults(run=show)
    listing = policies.add_parser("history", help="every revision, newest first")
    listing.add_argument("--clinic", metavar="NAME")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=history)


def _add_views(add_command: AddCommand) -> None:
    blocking = add_command("blocked", help="the refused calls")
    blocking.add_argument("--since", type=since_instant, metavar="SPAN", help="30m, 12h, 7d or an ISO instant")
    blocking.add_argument("--follow", action="store_true", help="go on as they happen")
    blocking.add_argument("--json", action="store_true", help="one JSON object a line")
    blocking.add_argument("--reveal", type=_call, metavar="CALL", help="show the full number of a costly one")
    blocking.add_argument("--reason", type=_words, default="", help="for the record; needed with --reveal")
    blocking.set_defaults(run=blocked)
    viewing = add_command("status", help="whether the clinic is protected now")
    form = viewing.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object")
    form.add_argument("--metrics", action="store_true", help="for Prometheus, by the textfile collector")
    viewing.add_argument("--quiet", action="store_true", help="only the exit code")
    viewing.set_defaults(run=status)


_call = matching(r"[0-9A-Za-z_.-]{8,128}", "a call: the first 8 characters of its id, or all of it")
_extension = matching(r"[0-9A-Za-z_-]{0,64}", "an extension: letters, digits, - and _, at most 64")


def _words(text: str) -> str:
    if len(text) > WORDS_MAX or not text.isprintable():
        message = f"this is too long or cannot be printed; write at most {WORDS_MAX} characters on one line"
        raise argparse.ArgumentTypeError(message)
    return text


def _revision(word: str) -> int:
    return int(matching(r"[1-9][0-9]{0,8}", "the number of a revision, from 1")(word))


def _language() -> str:
    return "en" if (os.environ.get("LC_ALL") or os.environ.get("LANG", "fr")).startswith("en") else "fr"


if __name__ == "__main__":
    sys.exit(main())
