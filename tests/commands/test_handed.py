"""What a supervisor hands its worker."""

import argparse

import pytest

from callgate.commands.handed import Handed
from callgate.errors import SettingsError


def test_a_worker_of_a_newer_version_than_its_supervisor_says_that_the_daemon_is_to_be_restarted() -> None:
    of_an_older_one = '{"place":0,"is_one_of_more":false,"port":3,"text":4,"line":-1,"nonces":-1}'
    with pytest.raises(SettingsError, match="is of another version"):
        Handed.of(argparse.Namespace(worker=[of_an_older_one, "7"]))
