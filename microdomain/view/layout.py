"""How the page is laid out: the scene, what moves it on the left, what was clicked beneath."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trame.ui.vuetify3 import SinglePageWithDrawerLayout
from trame.widgets import html
from trame.widgets import vtk as scene
from trame.widgets import vuetify3 as v

if TYPE_CHECKING:
    from microdomain.view.page import Page


#: Where a flat picture stands until there is a scene: beside its legend.
FLAT = "position: absolute; left: 4%; top: 9%; width: 80%; height: 86%; object-fit: contain;"


class Nothing:
    """What a view shows before VTK is loaded."""

    def __bool__(self) -> bool:
        return False

    def IsA(self, _: str) -> bool:
        """Of no class of VTK's."""
        return False


def lay_out(page: Page) -> Any:
    """Build the page.

    Parameters
    ----------
    page : Page

    Returns
    -------
    the view, whose `replace_view` gives it a scene and whose `update` sends a new picture
    """
    with SinglePageWithDrawerLayout(page.server, width=300) as layout:
        layout.title.set_text("microdomain")
        layout.icon.hide()
        with layout.toolbar:
            v.VSpacer()
            html.Div("{{ stamp }}", classes="text-h6 mr-4", id="stamp")
            _button(
                "mdi-content-copy", "window.navigator.clipboard.writeText(line)", "Copy the line of Python"
            )
            _button(
                "mdi-content-save",
                "utils.download('microdomain.png', trigger('picture'), 'image/png')",
                "Save the picture",
                id="save",
            )
        with layout.drawer, v.VContainer(classes="pa-3", v_show="opened"):
            _controls()
        with (
            layout.content,
            v.VContainer(fluid=True, classes="pa-0 fill-height", style="flex-direction: column;"),
        ):
            v.VAlert("{{ trouble }}", type="error", v_show="trouble", id="trouble", density="compact")
            with html.Div(style="flex: 1; width: 100%; min-height: 300px; position: relative;", id="scene"):
                view = scene.VtkRemoteView(Nothing(), interactive_ratio=1, v_if="ready")
                html.Img(src=("flat",), v_if="flat", id="first", style=FLAT)
                html.Div(v_html=("legend",), v_if="legend", id="legend")
            with html.Div(style="width: 100%; padding: 4px 12px;"):
                with html.Div(style="display: flex; align-items: center; gap: 8px;"):
                    _button("mdi-play", "playing = !playing", "Play", id="play", v_show="!playing")
                    _button("mdi-pause", "playing = !playing", "Pause", id="pause", v_show="playing")
                    _slider("frame", 0, ("last",), 1, "time")
                html.Div("{{ readout }}", id="readout", classes="text-body-2")
                html.Code("{{ line }}", id="line", style="font-size: 11px; color: #606060;")
        layout.footer.hide()
    return view


def _controls() -> None:
    """The drawer: what is shown, where it is cut, who of the ensemble."""
    compact: dict[str, Any] = {"density": "compact", "hide_details": True}
    _select("store", ("stores",), v_show="stores.length > 1")
    _select("field", ("fields",))
    _select("member", ("people",), v_show="people.length > 1")
    with v.VBtnToggle(v_model=("axis",), mandatory=True, density="compact", classes="mb-1", id="axis"):
        for k, name in enumerate("xyz"):
            v.VBtn(f"cut {name}", value=(f"{k}",), size="small")
    html.Div("at {{ (1000 * level).toFixed(1) }} nm", classes="text-caption")
    _slider("level", ("low",), ("high",), ("(high - low) / 400",), "level")
    v.VSwitch(label="isosurface", v_model=("iso_on",), color="primary", id="iso_on", **compact)
    html.Div("{{ iso_text }}", v_show="iso_on", classes="text-caption", id="iso_text")
    with html.Div(v_show="iso_on"):
        _slider("iso", 0.02, 0.98, 0.02, "iso")
    v.VSwitch(label="logarithmic [ ]", v_model=("log",), color="primary", id="log", **compact)
    _select("camera", ("['above', 'close', 'x', 'y', 'z']",))
    html.Div(v_html=("chart",), id="chart", style="width: 100%; overflow: hidden;")


def _select(name: str, items: Any, **more: Any) -> None:
    v.VSelect(
        label=name,
        v_model=(name,),
        items=items,
        density="compact",
        hide_details=True,
        classes=f"mb-3 pick-{name}",
        **more,
    )


def _slider(name: str, low: Any, high: Any, step: Any, place: str) -> None:
    with html.Div(id=place, style="flex: 1;"):
        v.VSlider(
            v_model=(name,),
            min=low,
            max=high,
            step=step,
            density="compact",
            hide_details=True,
            start="dragging = true",
            end="dragging = false",
        )


def _button(icon: str, click: str, words: str, **more: Any) -> None:
    with v.VBtn(icon=True, click=click, title=words, size="small", **more):
        v.VIcon(icon)
