"""What the page in the browser does: its state, what a change or a click leads to, the picture it saves.

Pictures are drawn here and sent as images, so that the page stays quick on any result and in any browser.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.report_text import milliseconds
from microdomain.view import charts
from microdomain.view.fields import field_of, names_of
from microdomain.view.guard import Guard, Shelf

if TYPE_CHECKING:
    from microdomain.results import Results
    from microdomain.view.plane import Plane

#: Seconds between two frames of a page that plays.
PLAY = 0.12
#: Seconds that a change waits for others, so that they are drawn together.
SOON = 0.02


def opened(shelf: Shelf, name: str) -> Results:
    """A store of the shelf as a result.

    Parameters
    ----------
    shelf : Shelf
    name : str

    Returns
    -------
    Results

    Raises
    ------
    ValueError                    no such store; one without frames
    """
    from microdomain.results import open as open_result

    results = open_result(shelf.find(name))
    if not results.dataset.sizes.get("time", 0):
        raise ValueError(f"'{name}' holds no frames yet.")
    return results


class Page:
    """A page and what it shows.

    Parameters
    ----------
    shelf : Shelf
    guard : Guard
    results : Results             the first store of the shelf, opened
    """

    def __init__(self, shelf: Shelf, guard: Guard, results: Results) -> None:
        from trame.app import get_server

        from microdomain.view.stage import Stage

        self.shelf, self.guard = shelf, guard
        self.server: Any = get_server(client_type="vue3")
        self.server.cli.parse_known_args = lambda *_: _parsed(self.server.cli)
        self.state = self.server.state
        self.course: charts.Course | None = None
        self._press: tuple[int, int] | None = None
        self._busy = False
        # The loop holds its tasks by weak references only.
        self._tasks: dict[str, Any] = {}
        self.results = results
        self.stage = Stage(self.results)
        self._begin(shelf.names[0])
        self._listen()
        from microdomain.view.layout import lay_out

        self.view = lay_out(self)
        self.draw()

    # -- what is shown -------------------------------------------------------------------------

    def _begin(self, name: str) -> None:
        """State of a result that was just opened: the membrane when the mouths see most."""
        from microdomain.view.plane import frame_time, membrane_of

        r = self.results
        self.times = np.asarray(r.dataset["time"].values, float)
        axis, level = membrane_of(r, 0)
        names = r.member_names or tuple(f"member {m}" for m in range(r.members))
        people = [{"title": n, "value": k} for k, n in enumerate(names)]
        if r.members > 1:
            people += [{"title": "mean", "value": "mean"}, {"title": "s.d.", "value": "sd"}]
        self.state.update(
            {
                "store": name,
                "stores": list(self.shelf.names),
                "fields": names_of(r.model, r.dataset.data_vars),
                "field": names_of(r.model, r.dataset.data_vars)[0],
                "frame": int(np.argmin(np.abs(self.times - frame_time(r, None)))),
                "last": len(self.times) - 1,
                "people": people,
                "member": 0,
                "axis": axis,
                "level": level,
                "low": r.model.box[axis][0],
                "high": r.model.box[axis][1],
                "iso_on": False,
                "iso": 0.5,
                "iso_text": "",
                "log": True,
                "playing": False,
                "dragging": False,
                "camera": "above",
                "stamp": "",
                "readout": "Click a point of the slice or a channel.",
                "chart": "",
                "line": "",
                "trouble": "",
            }
        )
        self.course = None

    def draw(self) -> None:
        """Draw what the state asks for and say it in words."""
        s = self.state
        time = float(self.times[int(s.frame)])
        plane = self.stage.draw(
            s.field,
            time,
            int(s.axis),
            float(s.level),
            s.member,
            float(s.iso) if s.iso_on else None,
            bool(s.log),
            bool(s.dragging or s.playing),
        )
        s.iso_text = "" if self.stage.iso is None else f"{self.stage.iso:.3g} {plane.unit}"
        s.stamp = f"t = {milliseconds(time)}"
        s.line = self.python(plane)
        if self.course is not None:
            s.readout = self.course.at(time)
        if hasattr(self, "view"):
            self.view.update()

    def python(self, plane: Plane) -> str:
        """The line of Python that makes this picture."""
        s = self.state
        member = f", member={s.member}" if isinstance(s.member, int) and s.member else ""
        return (
            f'md.view.slice(md.open("{s.store}"), "{s.field}", time={plane.time!r}, '
            f'{"xyz"[plane.axis]}={round(plane.level, 6)!r}{member}).save("picture.png")'
        )

    def picture(self) -> bytes:
        """The picture that the line of Python makes, as PNG; of a statistic the scene as it stands."""
        from PIL import Image

        from microdomain import view

        s = self.state
        if isinstance(s.member, int):
            where: dict[str, Any] = {"xyz"[int(s.axis)]: float(s.level)}
            shown = view.slice(
                self.results, s.field, float(self.times[int(s.frame)]), member=int(s.member), **where
            )
            return shown._repr_png_()
        held = io.BytesIO()
        self.stage.plotter.render()
        Image.fromarray(self.stage.plotter.screenshot(return_img=True)).save(held, format="png")
        return held.getvalue()

    # -- what a person does --------------------------------------------------------------------

    def _listen(self) -> None:
        change, iren = self.state.change, self.stage.plotter.iren
        change("store")(self._on_store)
        change("axis")(self._on_axis)
        change("camera")(self._on_camera)
        change("playing")(self._on_playing)
        change("field", "frame", "member", "level", "iso", "iso_on", "log", "dragging")(self._on_look)
        iren.add_observer("LeftButtonPressEvent", self._on_press)
        iren.add_observer("LeftButtonReleaseEvent", self._on_release)
        self.server.controller.trigger("picture")(lambda: self.server.protocol.addAttachment(self.picture()))

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do something; what goes wrong stands on the page as a sentence."""
        try:
            action()
            self.state.trouble = ""
        except (ValueError, OSError) as error:
            self.state.trouble = str(error)

    def _on_store(self, store: str, **_: Any) -> None:
        if store != self._shown_store:
            self._guarded(lambda: self._change_store(store))

    @property
    def _shown_store(self) -> str:
        return getattr(self, "_store", self.shelf.names[0])

    def _change_store(self, store: str) -> None:
        self.results = opened(self.shelf, store)
        self._store = store
        self.stage.show(self.results)
        self._begin(store)
        self.draw()

    def _on_axis(self, axis: int, **_: Any) -> None:
        low, high = self.results.model.box[int(axis)]
        if (low, high) == (self.state.low, self.state.high) and low <= self.state.level <= high:
            self._on_look()
            return
        self.state.update({"low": low, "high": high, "level": 0.5 * (low + high)})

    def _on_camera(self, camera: str, **_: Any) -> None:
        self.stage.look(camera)
        self._on_look()

    def _on_look(self, **_: Any) -> None:
        """Draw soon: what changes in the meantime is drawn along."""
        if hasattr(self, "view") and "look" not in self._tasks:
            self._tasks["look"] = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        await asyncio.sleep(SOON)
        self._tasks.pop("look")
        with self.state:
            self._guarded(self.draw)
        if self.course is not None and not (self.state.playing or self.state.dragging):
            await asyncio.sleep(10 * SOON)
            if "look" not in self._tasks:
                self._chart()

    def _chart(self) -> None:
        """Draw the curves anew with the line at the present time."""
        with self.state:
            if self.course is not None:
                self.state.chart = self.course.svg(float(self.times[int(self.state.frame)]))

    def _on_playing(self, playing: bool, **_: Any) -> None:
        if playing:
            self._tasks["play"] = asyncio.ensure_future(self._play())

    async def _play(self) -> None:
        while self.state.playing:
            with self.state:
                self.state.frame = (int(self.state.frame) + 1) % len(self.times)
            await asyncio.sleep(PLAY)
        with self.state:
            self._on_look()

    def _on_press(self, *_: Any) -> None:
        self._press = tuple(self.stage.plotter.iren.interactor.GetEventPosition())

    def _on_release(self, *_: Any) -> None:
        x, y = self.stage.plotter.iren.interactor.GetEventPosition()
        if self._press is not None and abs(x - self._press[0]) + abs(y - self._press[1]) <= 4:
            self._tasks["click"] = asyncio.ensure_future(self.click(x, y))

    async def click(self, x: float, y: float) -> None:
        """Show the course of what lies under a pixel."""
        found = self.stage.hit(x, y)
        if found is None or self._busy:
            return
        member = self.state.member if isinstance(self.state.member, int) else 0
        model = self.results.models[member]
        ion = field_of(model, self.state.field, self.results.dataset.data_vars).ion.name
        self._busy = True
        with self.state:
            self.state.readout = "Reading every frame ..."
        try:
            # On a large result every frame takes a while to read; the page goes on meanwhile.
            reading: tuple[Any, ...] = (
                (charts.at_point, self.results, found, ion, member)
                if isinstance(found, np.ndarray)
                else (charts.at_channel, self.results, found, member)
            )
            course = await asyncio.to_thread(*reading)
        finally:
            self._busy = False
        with self.state:
            time = float(self.times[int(self.state.frame)])
            self.course = course
            self.state.readout, self.state.chart = course.at(time), course.svg(time)


def _parsed(parser: Any) -> tuple[Any, list[str]]:
    """Defaults of trame's own command line: the words of ours are not for it."""
    options, _ = type(parser).parse_known_args(parser, [])
    return options, []
