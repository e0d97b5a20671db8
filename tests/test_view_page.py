"""The page in the browser without a browser: another store, playing, and what goes wrong on the way."""

import asyncio
import importlib.util

import pytest

import microdomain as md
from microdomain.view import page as of_page
from microdomain.view.guard import Guard, Shelf
from microdomain.view.opening import first_look
from microdomain.view.page import Page

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("trame_vuetify") is None, reason='pip install "microdomain[web]"'
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two stores of one run, and one that holds nothing."""
    calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000.0)
    box = ((-0.2, 0.2), (-0.2, 0.2), (0.0, 0.2))
    one = md.Model(box=box, ions=[calcium], channels=md.Cluster([(0, 0)]))
    record = md.Record(times=[0.0, 0.01, 0.02])
    done = md.simulate(one, md.Grid.uniform(one, spacing=0.05), until=0.02, record=record, rtol=5e-2)
    made = tmp_path_factory.mktemp("page")
    for name in ("good.zarr", "other.zarr", "spoilt.zarr"):
        done.save(made / name)
    for file in sorted((made / "spoilt.zarr").rglob("zarr.json"), reverse=True):
        file.write_text("{}")
    return made


@pytest.fixture(scope="module")
def only(folder):
    """trame has one server to a process, so there is one page."""
    shelf = Shelf(folder)
    made = Page(shelf, Guard(8080, shelf))
    made.state.ready()
    return made


@pytest.fixture
def page(only):
    """The page as it shows the first store, flat."""

    async def begin():
        with only.state:
            only._begin("good.zarr", *first_look(only.shelf, "good.zarr"))
            only.draw()

    asyncio.run(begin())
    only._tasks.clear()
    return only


def choose(page, store):
    with page.state:
        page.state.store = store


def test_a_store_that_cannot_be_opened_changes_nothing_but_the_trouble(page):
    async def visit():
        before = (page.results, page.state.line, page.state.flat)
        assert 'md.open("good.zarr")' in page.state.line
        choose(page, "spoilt.zarr")
        assert page.state.trouble
        assert page.state.store == "good.zarr"
        assert (page.results, page.state.line, page.state.flat) == before
        assert 'md.open("good.zarr")' in page.state.line
        choose(page, "other.zarr")
        assert (page.state.store, page.state.trouble) == ("other.zarr", "")
        assert 'md.open("other.zarr")' in page.state.line

    asyncio.run(visit())


def test_off_and_on_again_plays_once(page, monkeypatch):
    """Pause and play within one frame: one loop goes on, and ends when it is told to."""
    monkeypatch.setattr(of_page, "PLAY", 0.02)
    begun = []
    play = page._play

    async def counted():
        begun.append(1)
        await play()

    monkeypatch.setattr(page, "_play", counted)

    async def visit():
        for playing in (True, False, True):
            with page.state:
                page.state.playing = playing
            await asyncio.sleep(0.005)
        task = page._tasks["play"]
        assert not task.done()
        with page.state:
            page.state.playing = False
        await asyncio.wait_for(task, 5.0)
        assert len(begun) == 1
        with page.state:
            page.state.playing = True
        await asyncio.sleep(0.005)
        assert len(begun) == 2
        with page.state:
            page.state.playing = False
        await asyncio.wait_for(page._tasks["play"], 5.0)

    asyncio.run(visit())


@pytest.mark.parametrize("part", ["draw", "_chart"])
def test_what_nobody_foresaw_is_logged_and_said(page, monkeypatch, caplog, part):
    def broken():
        raise KeyError("field")

    monkeypatch.setattr(page, part, broken)
    monkeypatch.setattr(of_page, "SOON", 0.001)
    if part == "_chart":
        monkeypatch.setattr(page, "draw", lambda: None)
        monkeypatch.setattr(page, "course", object())

    async def visit():
        page._on_look()
        await asyncio.wait_for(page._tasks["look"], 5.0)

    asyncio.run(visit())
    assert page.state.trouble == "KeyError: 'field'"
    assert "The page could not do what it was asked." in caplog.text
    assert "KeyError" in caplog.text
