"""Some random call stories, and a kill of Asterisk in the middle of them; `make stories` tells five hundred."""

from collections.abc import Iterator

import pytest

from lab import Lab
from system.rig import wait_for
from system.stories import draw, run, stories_lab

pytestmark = pytest.mark.system

COUNT, SEED = 20, 1


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = stories_lab(tmp_path_factory.mktemp("stories"))
    lab.start()
    yield lab
    lab.stop()


async def test_the_ledger_books_what_the_carriers_log_says(lab: Lab) -> None:
    wait_for(lambda: "control.linked" in lab.gate_output())
    books = await run(lab, draw(COUNT, SEED), kill_at=COUNT // 2)
    print(f"seed {SEED}: {COUNT} stories")
    print(*books.lines(), sep="\n")
    assert books.wrong == ()
    assert books.ledger == books.journal
