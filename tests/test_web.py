"""The page in the browser: who is let in, and that it shows what the result holds."""

import http.client
import importlib.util
import re
import shutil
import subprocess
import sys
import time
import warnings
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np
import pytest
from click.testing import CliRunner

import microdomain as md
from microdomain.cli import cli
from microdomain.view import charts, gl, waiting, web
from microdomain.view.fields import field_of
from microdomain.view.guard import Guard, Shelf
from microdomain.view.lattice import Lattice, axes_of, graded
from microdomain.view.looks import Looks, flat_picture
from microdomain.view.page import Page

BOX = ((-0.5, 0.5), (-0.4, 0.4), (0.0, 0.4))
TIMES = (0.0, 0.001, 0.01, 0.02, 0.05)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def results():
    """Two channels, 0.02 ms open, on a coarse grid."""
    calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000.0)
    two = md.Cluster([(-0.1, 0.0), (0.1, 0.05)], gate=md.Pulse(0, 0.02))
    one = md.Model(
        box=BOX, ions=[calcium], buffers=[md.Buffer("fixed", total=400, k_on=0.1, K_d=10)], channels=two
    )
    grid = md.Grid.graded(one, near=0.05, growth=1.4, far=0.2)
    record = md.Record(times=TIMES, fields=["fixed"], points={"beside": (0.0, 0.0, 0.01)})
    return md.simulate(one, grid, until=0.05, record=record, rtol=5e-2)


@pytest.fixture(scope="module")
def store(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    results.save(folder / "two.zarr")
    results.save(folder / "again.zarr")
    return folder / "two.zarr"


@pytest.fixture
def chromium(tmp_path):
    """A headless Chromium."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip('Playwright is not installed: pip install "microdomain[dev]"')
    if CHROMIUM is None:
        pytest.skip("There is no Chromium: apt-get install -y --no-install-recommends chromium")
    from playwright.sync_api import sync_playwright

    with warnings.catch_warnings(), sync_playwright() as play:
        warnings.simplefilter("ignore")
        context = play.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=CHROMIUM,
            headless=True,
            args=list(FLAGS),
            viewport={"width": 1280, "height": 860},
        )
        yield context
        context.close()


# -- the door --------------------------------------------------------------------------------------


@pytest.fixture
def guard(store):
    return Guard(8080, Shelf(store), token="secret")


def head(**more):
    return {"Host": "127.0.0.1:8080"} | more


def test_who_knows_the_token_is_let_in(guard):
    assert guard.url == "http://127.0.0.1:8080/?token=secret"
    assert guard.refusal(head(), "token=secret") == ""
    assert guard.refusal(head(Cookie="other=1; microdomain-8080=secret"), "") == ""
    assert guard.refusal({"Host": "localhost:8080", "Origin": "http://localhost:8080"}, "token=secret") == ""


@pytest.mark.parametrize(
    ("headers", "query", "words"),
    [
        (head(), "", "carries a token"),
        (head(), "token=guess", "carries a token"),
        (head(Cookie="microdomain-8081=secret"), "", "carries a token"),
        ({"Host": "evil.example:8080"}, "token=secret", "answers to 127.0.0.1 only"),
        ({"Host": "127.0.0.1:9"}, "token=secret", "answers to 127.0.0.1 only"),
        ({}, "token=secret", "answers to 127.0.0.1 only"),
        (head(Origin="http://evil.example"), "token=secret", "asked for by another one"),
        (head(), "token=secret&store=../two.zarr", "is outside what this page was given"),
        (head(), "token=secret&store=again.zarr", "is outside what this page was given"),
    ],
)
def test_nobody_else_is(guard, headers, query, words):
    assert words in guard.refusal(headers, query)


def test_tokens_are_random_and_long(store):
    first, second = (Guard(1, Shelf(store)).token for _ in range(2))
    assert first != second
    assert len(first) >= 32


def test_a_shelf_holds_the_stores_of_its_folder_and_no_others(store, tmp_path):
    shelf = Shelf(store.parent)
    assert shelf.names == ["again.zarr", "two.zarr"]
    assert shelf.find("two.zarr") == store.resolve()
    for name in ("../two.zarr", "/etc", "two.zarr/solver", ".."):
        with pytest.raises(ValueError, match="is outside what this page was given"):
            shelf.find(name)
    with pytest.raises(
        ValueError, match=r"There is no store 'three\.zarr'; there are again\.zarr, two\.zarr\."
    ):
        shelf.find("three.zarr")
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "link.zarr").symlink_to(store)
    with pytest.raises(ValueError, match="is outside what this page was given"):
        Shelf(tmp_path / "shelf").find("link.zarr")


def test_what_cannot_be_viewed_is_a_sentence(tmp_path, monkeypatch, store):
    with pytest.raises(FileNotFoundError, match=r"There is nothing at '.*nowhere'"):
        Shelf(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no result: give a store, or a folder of stores"):
        Shelf(tmp_path)
    with web.listen(0) as taken, pytest.raises(RuntimeError, match=r"Port \d+ cannot be used: .* --port"):
        web.listen(taken.getsockname()[1])
    monkeypatch.setattr(web, "find_spec", lambda name: None)
    outcome = CliRunner().invoke(cli, ["view", str(store), "--no-browser"])
    assert outcome.exit_code == 1
    assert 'pip install "microdomain[web]"' in outcome.stderr


# -- what it reads ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Ca", "E_Ca"])
def test_a_lattice_reads_what_results_at_reads(results, name):
    axes = axes_of(results.model, 0.02, 12)
    values = Lattice(results, axes).of(field_of(results.model, name), 0.01)
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    spots = np.array([c.position for c in results.model.resolved_channels])
    away = np.linalg.norm(points[:, None] - spots, axis=2).min(axis=1) > 0.005
    expected = results.at(points[away], times=[0.01]).values[0]
    if name == "E_Ca":
        expected = md.electro.nernst(expected, 2000.0, 2)
    np.testing.assert_allclose(values.ravel()[away], expected, rtol=1e-6)


def test_coordinates_are_dense_at_the_channels():
    x = graded(-1.0, 1.0, [0.0, 0.3], 0.004, 0.05)
    assert (x[0], x[-1]) == (-1.0, 1.0)
    steps = np.diff(x)
    assert steps.max() <= 0.05 + 1e-12
    for spot in (0.0, 0.3):
        assert steps[np.argmin(np.abs(x[:-1] - spot))] < 0.0045


def test_the_course_at_a_point_and_at_a_channel(results):
    point = (0.02, -0.03, 0.015)
    course = charts.at_point(results, point, "Ca")
    expected = results.at([point]).values[:, 0]
    np.testing.assert_allclose(course.curves["[Ca] (uM)"], expected, rtol=1e-9)
    np.testing.assert_allclose(course.curves["E_Ca (mV)"], md.electro.nernst(expected, 2000.0, 2), rtol=1e-9)
    assert course.at(0.02).startswith("(20.0, -30.0, 15.0) nm, t = 20 us: [Ca] = ")
    channel = results.model.resolved_channels[1]
    open_one = charts.at_channel(results, channel)
    np.testing.assert_array_equal(
        open_one.curves["influx (pA)"], results.mouths["influx"].isel(channel=1).values
    )
    assert "influx = 0.1 pA" in open_one.at(0.01)
    assert open_one.svg(0.01).startswith("<svg")


# -- the scene -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stage(results):
    if gl.missing():
        pytest.skip(gl.missing())
    from microdomain.view.stage import Stage

    made = Stage(results, (500, 400))
    yield made
    made.plotter.close()


def seen(stage):
    stage.plotter.render()
    return np.asarray(stage.plotter.screenshot(return_img=True)).astype(float)


@pytest.mark.gl
def test_every_field_and_every_cut_is_drawn(stage):
    for field in ("E_Ca", "Ca", "V-E_Ca", "I_Ca", "fixed"):
        plane = stage.draw(field, 0.01, 2, 0.0)
        assert seen(stage).std() > 20, field
        low, high = plane.limits
        assert (low == -high) is (field in ("V-E_Ca", "I_Ca"))
    for axis, level in ((0, 0.1), (1, 0.0), (2, 0.4)):
        plane = stage.draw("Ca", 0.01, axis, level, iso=0.5)
        assert (plane.points[:, axis] == level).all()
        assert plane.limits[0] < stage.iso < plane.limits[1]


@pytest.mark.gl
def test_another_time_is_another_picture_in_the_same_colours(stage):
    stage.look("z")
    early, first = stage.draw("Ca", 0.0, 2, 0.0), seen(stage)
    late, second = stage.draw("Ca", 0.02, 2, 0.0), seen(stage)
    assert early.limits == late.limits
    assert np.abs(first - second).mean() > 2
    stage.draw("Ca", 0.0, 2, 0.0)
    np.testing.assert_array_equal(seen(stage), first)
    stage.look("above")


@pytest.mark.gl
def test_a_click_finds_channels_and_points(stage, results):
    stage.look("z")
    stage.draw("Ca", 0.01, 2, 0.0)
    stage.plotter.render()
    renderer = stage.plotter.renderer
    for place, expected in (((0.1, 0.05, 0.0), "channel"), ((0.3, -0.2, 0.0), "point")):
        renderer.SetWorldPoint(*place, 1.0)
        renderer.WorldToDisplay()
        x, y, _ = renderer.GetDisplayPoint()
        found = stage.hit(x, y)
        if expected == "channel":
            assert found is results.model.resolved_channels[1]
        else:
            np.testing.assert_allclose(found, place, atol=2e-3)
    assert stage.hit(1, 1) is None
    stage.look("above")


@pytest.mark.gl
def test_a_page_of_its_own(store, tmp_path):
    if web.absent():
        pytest.skip(web.absent())
    out = tmp_path / "page.html"
    done = CliRunner().invoke(cli, ["view", str(store), "--export", str(out), "--field", "Ca"])
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    text = out.read_text(encoding="utf-8", errors="replace")
    assert len(text) > 200_000
    assert "<html" in text
    assert "favicon" not in re.sub("data:,favicon", "", text)  # nothing is fetched
    assert r">[Ca] (uM)<\/div>" in text
    assert "[Ca] at z = 0, t = 20 us" in text
    wrong = CliRunner().invoke(cli, ["view", str(store), "--export", str(tmp_path / "page.pdf")])
    assert wrong.exit_code == 2
    assert "a page ends in .html" in wrong.stderr


@pytest.mark.gl
@pytest.mark.browser
@pytest.mark.slow
def test_a_page_of_its_own_asks_no_network(results, chromium, tmp_path):
    """Opened from the file it draws itself, and asks for nothing but itself."""
    from microdomain.view.still import export_page

    out = export_page(results, tmp_path / "page.html", "Ca")
    tab, asked, wrong = chromium.new_page(), [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.goto(out.as_uri())
    tab.wait_for_selector("canvas")
    tab.wait_for_timeout(2000)
    assert asked == [out.as_uri()]
    assert wrong == []
    from PIL import Image

    tab.screenshot(path=tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as shot:
        drawn = np.asarray(shot.convert("RGB"), float)[100:, 100:1000]
    assert drawn.std() > 20


# -- until the page is there -----------------------------------------------------------------------


@pytest.fixture
def door(store):
    """The small server that answers first, on a socket of its own."""
    with web.listen(0) as held:
        guard = Guard(held.getsockname()[1], Shelf(store))
        with waiting.waiting_on(held, guard) as door:
            yield SimpleNamespace(url=guard.url, door=door, held=held, guard=guard)


def test_visitors_are_told_to_wait_at_once(door):
    answer = ask(door.url)
    assert answer.status == 200
    assert "<b>two.zarr</b>" in answer.text
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    query = urlsplit(door.url).query
    assert ask(door.url, f"/waiting?{query}").status == 200
    assert ask(door.url, f"/index.html/ws?{query}").status == 503


def test_who_waits_is_guarded_too(door):
    for path in ("/", "/waiting", "/index.html", "/?token=guess"):
        assert ask(door.url, path).status == 403
    assert ask(door.url, Host="evil.example").status == 403
    assert "Set-Cookie" not in ask(door.url, "/?token=guess").headers


def test_the_socket_outlives_the_waiting(store):
    """Who connects after the small server has gone meets the next one; who was early is sent there."""
    with web.listen(0) as held:
        guard = Guard(held.getsockname()[1], Shelf(store))
        with waiting.waiting_on(held, guard):
            early = http.client.HTTPConnection(web.HOST, guard.port, timeout=30)
            early.connect()
            assert ask(guard.url).status == 200  # the early one has been taken up by now
        early.request("GET", f"/?{urlsplit(guard.url).query}")
        answer = early.getresponse()
        assert (answer.status, answer.headers["Location"]) == (307, f"/?{urlsplit(guard.url).query}")
        early.close()
        with waiting.waiting_on(held, guard):
            assert ask(guard.url).status == 200


def test_the_first_picture_shows_what_the_slice_shows(results):
    """Its pixels are E_Ca at the membrane when the mouths see most, in the colours of every slice."""
    import io

    from matplotlib import colormaps
    from PIL import Image

    plane, axes = Looks(results).plane("E_Ca", 0.02, 2, 0.0, 0, True, 320)
    image = np.asarray(Image.open(io.BytesIO(flat_picture(plane, axes))), float)
    (x0, x1), (y0, y1), _ = BOX
    assert image.shape == (256, 320, 3)
    rows, columns = np.array([20, 128, 200]), np.array([10, 130, 300])
    places = [
        (x0 + (x1 - x0) * j / 319, y1 - (y1 - y0) * i / 255, 0.0) for i, j in zip(rows, columns, strict=True)
    ]
    E = md.electro.nernst(results.at(places, times=[0.02]).values[0], 2000.0, 2)
    most = float(results.mouths["concentration"].max())
    low, high = md.electro.nernst(most, 2000.0, 2), md.electro.nernst(0.1, 2000.0, 2)
    expected = colormaps["viridis_r"]((E - low) / (high - low), bytes=True)[:, :3]
    np.testing.assert_allclose(image[rows, columns], expected, atol=2)


# -- the page --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(store):
    """A page served by the command, in a process of its own."""
    reason = web.absent() or gl.missing()
    if reason:
        pytest.skip(reason)
    command = [sys.executable, "-m", "microdomain.cli", "view", str(store), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        url = child.stdout.readline().strip()
        started = time.monotonic()
        assert ask(url).status == 200
        assert time.monotonic() - started < 3.0
        deadline = started + 120.0
        while "X-Microdomain" in ask(url).headers and time.monotonic() < deadline:
            time.sleep(0.1)
        yield url
        child.terminate()


def ask(url, path=None, **headers):
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    try:
        line.request("GET", f"/?{parts.query}" if path is None else path, headers=headers)
        answer = line.getresponse()
        return SimpleNamespace(status=answer.status, text=answer.read().decode(), headers=answer.headers)
    finally:
        line.close()


@pytest.mark.gl
def test_the_address_is_printed_at_once_and_is_of_this_machine(page):
    assert page.startswith("http://127.0.0.1:")
    assert len(urlsplit(page).query.removeprefix("token=")) >= 32


@pytest.mark.gl
def test_without_the_token_there_is_no_page(page):
    for path in ("/", "/index.html", "/ws", "/?token=guess", "/__trame_vuetify3/vue.js"):
        answer = ask(page, path)
        assert answer.status == 403, path
        assert "carries a token" in answer.text


@pytest.mark.gl
def test_another_host_or_store_is_refused(page):
    assert ask(page, Host="evil.example").status == 403
    assert ask(page, Origin="http://evil.example").status == 403
    query = urlsplit(page).query
    assert ask(page, f"/?{query}&store=../../secret.zarr").status == 403


@pytest.mark.gl
def test_with_the_token_there_is_one_and_a_cookie(page):
    answer = ask(page)
    assert answer.status in (200, 302)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    inside = ask(page, "/index.html", Cookie=cookie.split(";")[0])
    assert inside.status == 200
    assert "<html" in inside.text.lower()


@pytest.fixture
def visitor(page, chromium):
    """A tab of a headless Chromium on the page."""
    tab = chromium.new_page()
    tab.set_default_timeout(30_000)
    tab.goto(page)
    tab.wait_for_selector("#scene canvas")
    return tab


@pytest.mark.gl
@pytest.mark.browser
@pytest.mark.slow
def test_a_visitor_looks_around(visitor, results, tmp_path):
    """Load, move in time, change the field, click a point, compare with the result, save the picture."""
    assert "t = 20 us" in visitor.inner_text("#stamp")  # when the mouths see most
    assert 'md.view.slice(md.open("two.zarr"), "E_Ca", time=0.02, z=0.0)' in visitor.inner_text("#line")

    bar = visitor.locator("#time").bounding_box()
    visitor.mouse.click(bar["x"] + 0.5 * bar["width"], bar["y"] + 0.5 * bar["height"])
    visitor.wait_for_function("document.querySelector('#stamp').innerText.includes('t = 10 us')")

    visitor.locator(".pick-field .v-field").click()
    visitor.get_by_role("option", name="Ca", exact=True).click()
    visitor.wait_for_function("document.querySelector('#line').innerText.includes('\"Ca\"')")

    visitor.locator(".pick-camera .v-field").click()
    visitor.get_by_role("option", name="z", exact=True).click()
    visitor.wait_for_timeout(1500)
    scene = visitor.locator("#scene").bounding_box()
    visitor.mouse.click(scene["x"] + 0.4 * scene["width"], scene["y"] + 0.7 * scene["height"])
    visitor.wait_for_function("document.querySelector('#readout').innerText.includes('[Ca] = ')")
    said = visitor.inner_text("#readout")
    assert "t = 10 us" in said
    if said.startswith("("):
        place = [1e-3 * float(v) for v in said[1 : said.index(")")].split(",")]
        expected = float(results.at([place], times=[0.01]).values[0, 0])
        value, unit = said.split("[Ca] = ")[1].split(",")[0].split()
        assert float(value) * {"nM": 1e-3, "uM": 1.0}[unit] == pytest.approx(expected, rel=5e-3)
        volts = float(said.split("E_Ca = ")[1].split()[0])
        assert volts == pytest.approx(float(md.electro.nernst(expected, 2000.0, 2)), abs=0.1)
    else:
        pytest.fail(f"The click was to hit the slice, not {said!r}")
    assert visitor.locator("#chart svg").count() == 1

    with visitor.expect_download() as download:
        visitor.locator("#save").click()
    download.value.save_as(tmp_path / "saved.png")
    from PIL import Image

    with Image.open(tmp_path / "saved.png") as saved:
        drawn = np.asarray(saved.convert("RGB"), float)
    assert drawn.std() > 20
    shot = tmp_path / "page.png"
    visitor.screenshot(path=shot)
    with Image.open(shot) as tab:
        left = np.asarray(tab.convert("RGB"), float)[100:700, 320:1000]
    assert left.std() > 20  # the scene is there


def test_what_goes_wrong_stands_on_the_page():
    """A sentence instead of a silent page; what went right takes it away."""
    seat = SimpleNamespace(state=SimpleNamespace(trouble=""))

    def wrong():
        raise ValueError("There is no store 'x'.")

    Page._guarded(seat, wrong)
    assert seat.state.trouble == "There is no store 'x'."
    Page._guarded(seat, lambda: None)
    assert seat.state.trouble == ""
