"""One installation with three entries, and the dialplan that is written for it."""

import pytest

from callgate.clinic import Clinic, load_clinics
from callgate.install.dialplan import write_dialplan
from callgate.settings import Settings, load_settings
from clinic_samples import SETTINGS, write_site
from install.asterisk_patterns import Context, read
from install.entries import ENTRIES


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    more = "".join(
        f'\n[[entry]]\ncontext = "{entry}"\nclinic = "cabinet-des-lilas"\noutside_prefix = "{prefix}"\n'
        for entry, prefix in ENTRIES.items()
        if entry != "callgate"
    )
    return load_settings(write_site(tmp_path_factory.mktemp("site"), settings=SETTINGS + more))


@pytest.fixture(scope="session")
def clinics(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clinic]:
    folder = tmp_path_factory.mktemp("files")
    write_site(folder)
    return load_clinics(settings, folder)


@pytest.fixture(scope="session")
def written(settings: Settings, clinics: dict[str, Clinic]) -> str:
    return write_dialplan(settings, clinics)


@pytest.fixture(scope="session")
def contexts(written: str) -> dict[str, Context]:
    return read(written)
