"""`callgate classify ROWS.csv`: what each dialled string of a file means."""

import argparse
import csv
import io
import sys
from typing import TextIO

from callgate.classify import ClassifyError, classify_rows
from callgate.clinic import load_plan, plan_countries
from callgate.commands import Exit
from callgate.commands.context import warn
from callgate.core.plan import NumberPlan


def classify(arguments: argparse.Namespace) -> Exit:
    """Write the rows to standard output with `number`, `region` and `class` added."""
    csv.field_size_limit(sys.maxsize)
    plans = {country: load_plan(country) for country in plan_countries()}
    rows = arguments.rows
    try:
        stream: TextIO = rows.open(encoding="utf-8", newline="")
    except PermissionError:
        raise
    except OSError as error:
        warn(f"callgate: {rows} cannot be read: {error.strerror}. Remedy: name an existing CSV file")
        return Exit.USAGE
    with stream:
        try:
            return _classify(stream, plans)
        except ClassifyError as error:
            warn(f"callgate: {rows}, {error}")
            return Exit.INVALID


def _classify(rows: TextIO, plans: dict[str, NumberPlan]) -> Exit:
    written = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        without_plan = classify_rows(rows, written, plans)
    finally:
        written.detach()
    if without_plan:
        known = ", ".join(plans)
        warn(f"callgate: {without_plan} rows are of home countries without a number plan (there is {known}): invalid")
        return Exit.NEGATIVE
    return Exit.OK
