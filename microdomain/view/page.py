"""What the page in the browser does: its state, what a change or a click leads to, the picture it saves.

Pictures are drawn here and sent as images, so that the page stays quick on any result and in any browser.
The browser loads its side while the result is opened here; until VTK is there slices are flat pictures, and
every control works on them already.
"""

from __future__ import annotations

import asyncio
import io
import logging
from base64 import b64encode
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from microdomain.report_text import milliseconds
from microdomain.view.guard import Guard, Shelf
from microdomain.view.opening import BLANK, first_look, first_slice, load_vtk, opened

if TYPE_CHECKING:
    from microdomain.results import Results
    from microdomain.view.charts import Course
    from microdomain.view.looks import Looks
    from microdomain.view.plane import Plane
    from microdomain.view.stage import Stage

log = logging.getLogger("microdomain")

#: Seconds between two frames of a page that plays.
PLAY = 0.12
#: Seconds that a change waits for others, so that they are drawn together.
SOON = 0.02


class Page:
    """A page and what it shows; `open` gives it the first store of the shelf once it is served.

    Parameters
    ----------
    shelf : Shelf
    guard : Guard

    Attributes
    ----------
    wrong : Exception or None     why it could not be opened
    """

    results: Results
    looks: Looks

    def __init__(self, shelf: Shelf, guard: Guard) -> None:
        from trame.app import get_server

        self.shelf, self.guard = shelf, guard
        self.server: Any = get_server(client_type="vue3")
        self.server.cli.parse_known_args = lambda *_: _parsed(self.server.cli)
        self.state = self.server.state
        self.stage: Stage | None = None
        self.course: Course | None = None
        self.wrong: Exception | None = None
        self._press: tuple[int, int] | None = None
        # The loop holds its tasks by weak references only.
        self._tasks: dict[str, Any] = {}
        self.state.update(BLANK | {"store": shelf.names[0], "stores": list(shelf.names)})
        self._store = ""
        from microdomain.view.layout import lay_out

        self.view = lay_out(self)
        self._listen()
        self.server.controller.on_server_ready.add(lambda **_: self._begin_task("open", self.open))

    async def open(self) -> None:
        """Show the first store: flat as soon as it is read, as a scene as soon as VTK is there."""
        try:
            first = await asyncio.to_thread(first_look, self.shelf, self.shelf.names[0])
            with self.state:
                self._begin(self.shelf.names[0], *first)
                self.draw()
            await asyncio.to_thread(load_vtk)
            with self.state:
                self._set_stage()
        except Exception as error:  # whoever serves the page says it
            self.wrong = error
            await self.server.stop()

    def _set_stage(self) -> None:
        """From flat pictures to the scene."""
        from microdomain.view.stage import Stage

        self.stage = Stage(self.results, looks=self.looks)
        self.stage.plain = True
        self.stage.look(self.state.camera)
        iren = self.stage.plotter.iren
        iren.add_observer("LeftButtonPressEvent", self._on_press)
        iren.add_observer("LeftButtonReleaseEvent", self._on_release)
        self.view.replace_view(self.stage.plotter.render_window)
        self.draw()
        self.state.update({"ready": True, "flat": ""})

    # -- what is shown -------------------------------------------------------------------------

    def _begin(self, name: str, results: Results, looks: Looks) -> None:
        """State of a result that was just opened: the membrane when the mouths see most."""
        from microdomain.view.fields import names_of

        self._store, self.results, self.looks, self.course = name, results, looks, None
        frame, axis, level = first_slice(results)
        names = results.member_names or tuple(f"member {m}" for m in range(results.members))
        people = [{"title": n, "value": k} for k, n in enumerate(names)]
        if results.members > 1:
            people += [{"title": "mean", "value": "mean"}, {"title": "s.d.", "value": "sd"}]
        self.times = results.dataset["time"].values.astype(float)
        fields = names_of(results.model, results.dataset.data_vars)
        low, high = results.model.box[axis]
        mine = {"opened": True, "store": name, "fields": fields, "field": fields[0], "people": people}
        place = {"frame": frame, "last": len(self.times) - 1, "axis": axis, "level": level}
        words = {"readout": "Click a point of the slice or a channel."}
        self.state.update(BLANK | mine | place | words | {"low": low, "high": high})

    def draw(self) -> None:
        """Draw what the state asks for and say it in words."""
        from microdomain.view.still import legend

        s = self.state
        time = float(self.times[int(s.frame)])
        asked = (s.field, time, int(s.axis), float(s.level), s.member)
        if self.stage is None:
            plane = self._flat(asked)
        else:
            iso = float(s.iso) if s.iso_on else None
            plane = self.stage.draw(*asked, iso, bool(s.log), bool(s.dragging or s.playing))
            s.legend = legend(plane, "absolute", titled=False)
            s.iso_text = "" if self.stage.iso is None else f"{self.stage.iso:.3g} {plane.unit}"
            self.view.update()
        s.stamp = f"t = {milliseconds(time)}"
        s.line = self.python(plane)
        if self.course is not None:
            s.readout = self.course.at(time)

    def _flat(self, asked: tuple[str, float, int, float, Any]) -> Plane:
        """Show a slice as a flat picture."""
        from microdomain.view.looks import PIXELS, flat_picture
        from microdomain.view.still import legend

        plane, axes = self.looks.plane(*asked, bool(self.state.log), PIXELS)
        self._png = flat_picture(plane, axes)
        self.state.flat = f"data:image/png;base64,{b64encode(self._png).decode()}"
        self.state.legend = legend(plane, "absolute")
        return plane

    def python(self, plane: Plane) -> str:
        """The line of Python that makes this picture."""
        s = self.state
        member = f", member={s.member}" if isinstance(s.member, int) and s.member else ""
        return (
            f'md.view.slice(md.open("{self._store}"), "{s.field}", time={plane.time!r}, '
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
        if self.stage is None:
            return self._png
        held = io.BytesIO()
        Image.fromarray(self.stage.barred(self.draw)).save(held, format="png")
        return held.getvalue()

    # -- what a person does --------------------------------------------------------------------

    def _listen(self) -> None:
        change = self.state.change
        change("store")(self._on_store)
        change("axis")(self._on_axis)
        change("camera")(self._on_camera)
        change("playing")(self._on_playing)
        change("field", "frame", "member", "level", "iso", "iso_on", "log", "dragging")(self._on_look)
        self.server.controller.trigger("picture")(lambda: self.server.protocol.addAttachment(self.picture()))

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do something; what goes wrong stands on the page as a sentence."""
        try:
            action()
            self.state.trouble = ""
        except Exception as error:
            self.state.trouble = _told(error)

    def _begin_task(self, name: str, doing: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a task unless one of its name is under way; how it fails stands on the page."""
        if name not in self._tasks or self._tasks[name].done():
            self._tasks[name] = asyncio.ensure_future(self._watched(doing()))

    async def _watched(self, doing: Coroutine[Any, Any, None]) -> None:
        try:
            await doing
        except Exception as error:
            with self.state:
                self.state.trouble = _told(error)

    def _on_store(self, store: str, **_: Any) -> None:
        if self._store and store != self._store:
            self._guarded(lambda: self._change_store(store))
            self.state.store = self._store  # the one before where this one cannot be opened

    def _change_store(self, store: str) -> None:
        from microdomain.view.looks import Looks

        results = opened(self.shelf, store)
        looks = Looks(results)
        if self.stage is not None:
            self.stage.show(results, looks)
        self._begin(store, results, looks)
        self.state.ready = self.stage is not None
        self.draw()

    def _on_axis(self, axis: int, **_: Any) -> None:
        if not self._store:
            return
        low, high = self.results.model.box[int(axis)]
        if (low, high) == (self.state.low, self.state.high) and low <= self.state.level <= high:
            self._on_look()
            return
        self.state.update({"low": low, "high": high, "level": 0.5 * (low + high)})

    def _on_camera(self, camera: str, **_: Any) -> None:
        if self.stage is not None:
            self.stage.look(camera)
            self._on_look()

    def _on_look(self, **_: Any) -> None:
        """Draw soon: what changes in the meantime is drawn along."""
        if self._store and "look" not in self._tasks:
            self._begin_task("look", self._look)

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
            self._begin_task("play", self._play)

    async def _play(self) -> None:
        while self.state.playing:
            with self.state:
                self.state.frame = (int(self.state.frame) + 1) % len(self.times)
            await asyncio.sleep(PLAY)
        with self.state:
            self._on_look()

    def _on_press(self, *_: Any) -> None:
        assert self.stage is not None
        self._press = tuple(self.stage.plotter.iren.interactor.GetEventPosition())

    def _on_release(self, *_: Any) -> None:
        assert self.stage is not None
        x, y = self.stage.plotter.iren.interactor.GetEventPosition()
        if self._press is not None and abs(x - self._press[0]) + abs(y - self._press[1]) <= 4:
            self._begin_task("click", lambda: self.click(x, y))

    async def click(self, x: float, y: float) -> None:
        """Show the course of what lies under a pixel."""
        from microdomain.view import charts
        from microdomain.view.fields import field_of

        found = self.stage.hit(x, y) if self.stage is not None else None
        if found is None:
            return
        member = self.state.member if isinstance(self.state.member, int) else 0
        model = self.results.models[member]
        ion = field_of(model, self.state.field, self.results.dataset.data_vars).ion.name
        with self.state:
            self.state.readout = "Reading every frame ..."
        reading: tuple[Any, ...] = (charts.at_channel, self.results, found, member)
        if hasattr(found, "shape"):
            reading = (charts.at_point, self.results, found, ion, member)
        # On a large result every frame takes a while to read; the page goes on meanwhile.
        course = await asyncio.to_thread(*reading)
        with self.state:
            time = float(self.times[int(self.state.frame)])
            self.course = course
            self.state.readout, self.state.chart = course.at(time), course.svg(time)


def _told(error: Exception) -> str:
    """What went wrong as a sentence; what no choice of a visitor explains goes to the log with its trace."""
    if isinstance(error, ValueError | OSError):
        return str(error)
    log.error("The page could not do what it was asked.", exc_info=error)
    return f"{type(error).__name__}: {error}"


def _parsed(parser: Any) -> tuple[Any, list[str]]:
    """Defaults of trame's own command line: the words of ours are not for it."""
    options, _ = type(parser).parse_known_args(parser, [])
    return options, []
