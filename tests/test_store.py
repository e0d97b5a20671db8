"""A store opens at every moment, says what it is, and never deletes what is not its own."""

import errno
import json
import os
import re

import numpy as np
import pytest
import xarray
import zarr

import microdomain as md
from microdomain import frames, store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.zarr"


def frame(k, shape=(2, 3, 4)):
    return np.random.default_rng(k).random(shape)


AXES = ("z", "y", "x")
COORDS = {name: (name, np.arange(n) * 0.1, {"units": "um"}) for name, n in zip(AXES, (2, 3, 4), strict=True)}


def fill(out, count=3):
    for k in range(count):
        out.append("/", {"Ca": (AXES, frame(k), {"units": "uM"})}, time=0.1 * k)
        out.append("mouths", {"E_Ca": ("channel", frame(k, 5), {"units": "mV"})}, time=0.1 * k)


def test_what_goes_in_comes_out_with_the_same_bits(path):
    with store.create(path, attrs={"model": {"T": 310.15}}, coords=COORDS) as out:
        fill(out)
        out.put("solver/history", {"flux": (("channel", "when"), frame(9, (5, 7)))}, attrs={"plan": [1, 2]})
    data = store.read(path)
    assert data["Ca"].dims == ("time", *AXES)
    np.testing.assert_array_equal(data["Ca"], [frame(k) for k in range(3)])
    np.testing.assert_array_equal(data["time"], [0.1 * k for k in range(3)])
    assert data["Ca"].attrs == {"units": "uM"}
    assert data["time"].attrs == {"units": "ms"}
    assert data["x"].attrs == {"units": "um"}
    assert data.attrs["model"] == {"T": 310.15}
    assert data.attrs["complete"] is True
    np.testing.assert_array_equal(store.read(path, "mouths")["E_Ca"], [frame(k, 5) for k in range(3)])
    history = store.read(path, "solver/history")
    np.testing.assert_array_equal(history["flux"], frame(9, (5, 7)))
    assert history.attrs["plan"] == [1, 2]
    assert store.groups(path) == ("mouths", "solver", "solver/history")


def test_xarray_opens_it_with_coordinates_and_units(path):
    with store.create(path, coords=COORDS) as out:
        fill(out)
    with xarray.open_zarr(path, consolidated=False) as data:
        near = data["Ca"].sel(time=0.19, x=0.22, method="nearest")
        np.testing.assert_array_equal(near, frame(2)[:, :, 2])
        assert data["x"].attrs["units"] == "um"


def test_a_frame_is_a_chunk_and_small_frames_share_one(path):
    large, small = (1, 128, 128), (5,)
    with store.create(path) as out:
        for k in range(3):
            out.append("/", {"Ca": (AXES, frame(k, large))}, time=k)
            out.append("mouths", {"Ca": ("channel", frame(k, small))}, time=k)
    root = zarr.open_group(path, mode="r")
    assert root["Ca"].chunks == (1, *large)
    assert root["mouths/Ca"].chunks == (frames.SHARED_CHUNK // 40, 5)
    codec = root["Ca"].metadata.codecs[-1].to_dict()["configuration"]
    assert (codec["cname"], codec["clevel"], codec["shuffle"]) == ("zstd", 3, "shuffle")


def test_chunks_stay_below_what_the_compressor_takes():
    assert frames.chunk_shape((64, 4, 200, 200, 200), 8) == (1, 4, 200, 200, 200)
    assert frames.chunk_shape((3, 0, 7), 8) == (3, 1, 7)
    assert frames.chunk_shape((), 8) == ()


def test_several_growing_dimensions_and_blocks_of_frames(path):
    with store.create(path) as out:
        out.append("/", {"Ca": ("x", np.ones(3))}, time=0.0)
        out.append("/", {"Ca": np.full((2, 3), 2.0)}, time=[0.1, 0.2])
        out.append("/", {"mouth": ("channel", np.zeros(2))}, mouth_time=0.05)
    data = store.read(path)
    assert dict(data.sizes) == {"time": 3, "x": 3, "mouth_time": 1, "channel": 2}
    np.testing.assert_array_equal(data["Ca"][:, 0], [1, 2, 2])


def test_frames_are_copied_when_they_are_given(path):
    field = np.ones(3)
    with store.create(path) as out:
        out.append("/", {"Ca": ("x", field)}, time=0.0)
        field[:] = 7
    np.testing.assert_array_equal(store.read(path)["Ca"], [[1, 1, 1]])


def test_text_flags_integers_and_no_channels_at_all(path):
    names = ["cav[0]", "cav[1]", "Ryanodine"]
    coords = {"channel": ("channel", names), "pore": ("channel", np.full(3, 0.005), {"units": "um"})}
    with store.create(path, coords=coords) as out:
        out.put("/", {"open": ("channel", np.array([True, False, True])), "n": ((), np.int64(3))})
        out.append("none", {"Ca": ("channel", np.zeros(0))}, time=0.0)
    data = store.read(path)
    assert data["channel"].values.tolist() == names
    assert data["channel"].dtype.kind in "UO"
    assert set(data.coords) == {"channel", "pore"}
    assert data["open"].values.tolist() == [True, False, True]
    assert int(data["n"]) == 3
    assert store.read(path, "none")["Ca"].shape == (1, 0)


def test_attributes_keep_every_bit_and_refuse_objects(path):
    with store.create(path) as out:
        out.put(
            "/", attrs={"dt": np.float64(0.1) / 3, "n": np.int64(3), "a": np.arange(2), "off": float("inf")}
        )
        with pytest.raises(TypeError, match=r"Attribute 'plan\.grid' is a set; a store keeps numbers"):
            out.put("/", attrs={"plan": {"grid": {1, 2}}})
    attrs = store.read(path).attrs
    assert (attrs["dt"], attrs["n"], attrs["a"], attrs["off"]) == (0.1 / 3, 3, [0, 1], np.inf)


def test_put_replaces(path):
    with store.create(path) as out:
        out.put("state", {"u": ("x", np.zeros(3))})
        out.put("state", {"u": ("x", np.ones(5))})
    np.testing.assert_array_equal(store.read(path, "state")["u"], np.ones(5))


def test_partial_until_closed_and_ctrl_c_says_why(path):
    out = store.create(path)
    fill(out)
    out.flush()
    assert store.read(path).attrs["complete"] is False
    assert store.read(path).sizes["time"] == 3
    with pytest.raises(KeyboardInterrupt), out:  # noqa: PT012
        out.append("/", {"Ca": frame(3)}, time=0.3)
        raise KeyboardInterrupt
    data = store.read(path)
    assert data.attrs["complete"] is False
    assert data.attrs["partial_because"] == "KeyboardInterrupt"
    np.testing.assert_array_equal(data["Ca"][3], frame(3))
    with pytest.raises(ValueError, match=r"out\.zarr' is closed; nothing can be added"):
        out.append("/", {"Ca": frame(4)}, time=0.4)


def test_waiting_frames_are_written_after_a_second_or_when_they_are_many(path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(store.time, "monotonic", lambda: now[0])
    out = store.create(path)
    out.append("/", {"Ca": ("x", frame(0, 8))}, time=0.0)
    assert "Ca" not in store.read(path)
    now[0] = store.FLUSH_SECONDS
    out.append("/", {"Ca": frame(1, 8)}, time=0.1)
    assert store.read(path).sizes["time"] == 2
    monkeypatch.setattr(store, "FLUSH_BYTES", 100)
    out.append("/", {"Ca": frame(2, 8)}, time=0.2)
    assert store.read(path).sizes["time"] == 2
    out.append("/", {"Ca": frame(3, 8)}, time=0.3)
    assert store.read(path).sizes["time"] == 4
    out.close()


@pytest.mark.parametrize("stop_at", range(8))
def test_a_crash_between_any_two_writes_leaves_whole_frames(path, monkeypatch, stop_at):
    """What kill -9 would leave: the write stops for good at one of its steps."""
    out = store.create(path, coords=COORDS)
    variables = {"Ca": (AXES, frame(0)), "B": (AXES, frame(1)), "mean": ((), 1.0)}
    out.append("/", variables, time=0.0)
    out.flush()
    steps = iter(range(100))

    def interrupted(method):
        def call(*args, **kwargs):
            if next(steps) >= stop_at:
                raise RuntimeError("killed")
            return method(*args, **kwargs)

        return call

    out.append("/", {"Ca": frame(2), "B": frame(3), "mean": 2.0}, time=0.1)
    with monkeypatch.context() as patch:
        patch.setattr(zarr.Array, "resize", interrupted(zarr.Array.resize))
        patch.setattr(zarr.Array, "__setitem__", interrupted(zarr.Array.__setitem__))
        with pytest.raises(RuntimeError):
            out.flush()
    data = store.read(path).load()
    assert data.sizes["time"] == 1
    np.testing.assert_array_equal(data["B"][0], frame(1))
    assert data["x"].attrs["units"] == "um"
    out.close()  # a later try completes the same places
    np.testing.assert_array_equal(store.read(path)["B"][1], frame(3))
    assert store.read(path).attrs["complete"] is True


def refuse_writes(monkeypatch, code, after=0):
    """Let the store's folder refuse bytes, as a full disk does, after a number of good writes."""
    local = zarr.storage._local
    put, count = local._put, iter(range(10**6))

    def refusing(*args, **kwargs):
        if next(count) >= after:
            raise OSError(code, os.strerror(code))
        return put(*args, **kwargs)

    monkeypatch.setattr(local, "_put", refusing)


@pytest.mark.parametrize("after", range(4))
def test_a_full_disk_is_a_sentence_and_loses_nothing(path, monkeypatch, after):
    expected = re.escape(
        f"The disk that holds '{path}' was full while writing frames. What was recorded before"
    )
    with pytest.raises(OSError, match=f"^{expected}") as caught, store.create(path, coords=COORDS) as out:  # noqa: PT012
        fill(out)
        out.flush()
        refuse_writes(monkeypatch, errno.ENOSPC, after)
        out.append("/", {"Ca": frame(3)}, time=0.3)
        out.flush()
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    data = store.read(path)
    assert data.attrs["complete"] is False
    np.testing.assert_array_equal(data["Ca"][:3], [frame(k) for k in range(3)])


def test_a_place_that_may_not_be_written(path, monkeypatch):
    refuse_writes(monkeypatch, errno.EROFS)
    with pytest.raises(PermissionError, match=r"may not be written \(while starting it\)\. Choose a place"):
        store.create(path)


def test_an_existing_path_is_refused_and_a_store_replaced_when_allowed(path):
    with store.create(path) as out:
        fill(out)
    with pytest.raises(
        FileExistsError, match=r"out\.zarr' exists\. Choose another name, or allow it to be repl"
    ):
        store.create(path)
    assert store.read(path).sizes["time"] == 3
    for folder in (path, path / "Ca", path / "mouths"):
        (folder / "zarr.0f.partial").touch()  # what a killed write leaves
    assert store.read(path, "mouths").sizes["time"] == 3
    with store.create(path, overwrite=True) as out:
        fill(out, 1)
    assert store.read(path).sizes["time"] == 1


@pytest.mark.parametrize(
    "kind", ["folder", "empty folder", "file", "link", "a note in it", "a foreign zarr.json"]
)
def test_what_is_no_store_is_never_deleted(path, kind):
    if kind in ("link", "a note in it"):
        with store.create(path) as out:
            fill(out)
    precious = path / "thesis.tex"
    if kind == "file":
        path.write_text("mine")
    elif kind == "link":
        target, path = path, path.with_name("link.zarr")
        path.symlink_to(target)
    elif kind == "a note in it":
        precious = path / "mouths" / "thesis.tex"
        precious.write_text("mine")
    else:
        path.mkdir()
    if kind == "folder":
        precious.write_text("mine")
    if kind == "a foreign zarr.json":
        (path / "zarr.json").write_text(json.dumps(["not", "zarr"]))
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(FileExistsError, match=r"is not a Zarr store, or holds more .*Nothing was deleted"):
        store.create(path, overwrite=True)
    assert sorted(path.parent.rglob("*")) == before


def test_reading_what_is_not_there(path):
    with pytest.raises(FileNotFoundError, match=r"There is no store at '.*out\.zarr'\. Give the folder"):
        store.read(path)
    path.write_text("text")
    with pytest.raises(ValueError, match=r"is not a Zarr store\. Give the folder that a run wrote"):
        store.read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match="is not a Zarr store"):
        store.read(path)
    zarr.open_group(path, mode="w", zarr_format=3)
    with pytest.raises(ValueError, match="is a Zarr store, but not one that microdomain wrote"):
        store.read(path)
    with store.create(path, overwrite=True) as out:
        fill(out, 1)
    with pytest.raises(ValueError, match=r"No group 'probes' in '.*'; it has 'mouths'\."):
        store.read(path, "probes")


def test_misuse_is_named(path):
    with store.create(path) as out:
        with pytest.raises(ValueError, match=r"'Ca' is new in group '/': give \(dims, values\)"):
            out.append("/", {"Ca": np.ones(3)}, time=0.0)
        with pytest.raises(
            TypeError, match=r"one growing dimension, as in time=0\.1; given were 'time', 'step'"
        ):
            out.append("/", {"Ca": ("x", np.ones(3))}, time=0.0, step=1)
        with pytest.raises(ValueError, match=r"'Ca' must be \(dims, values\) or \(dims, values, attrs\)"):
            out.put("/", {"Ca": np.ones(3)})
        with pytest.raises(ValueError, match=r"'Ca' has 2 axes, but its dimensions are \('x',\)"):
            out.put("/", {"Ca": ("x", np.ones((3, 3)))})
        out.append("/", {"Ca": ("x", np.ones(3)), "B": ("x", np.ones(3))}, time=0.0)
        with pytest.raises(
            ValueError, match=r"frames of shape \(3,\) over \('x',\); 1 of them at time = 0\.1 came"
        ):
            out.append("/", {"Ca": np.ones(4), "B": np.ones(3)}, time=0.1)
        with pytest.raises(ValueError, match=r"grows along 'time' by 'Ca', 'B' together; given were 'Ca'"):
            out.append("/", {"Ca": np.ones(3)}, time=0.1)
        with pytest.raises(TypeError, match="same_kind"):
            out.append("/", {"Ca": np.ones(3) * 1j, "B": np.ones(3)}, time=0.1)
    assert store.read(path).sizes["time"] == 1


def test_a_tree_holds_groups_with_other_times(tmp_path):
    """xarray's own opener refuses a group whose times are not those of the root; the tree has both."""
    path = tmp_path / "a.zarr"
    with store.create(path, coords={"x": ("x", np.arange(3.0))}) as out:
        out.put("solver", {"faces": ("face", np.arange(4.0))})
        out.append("/", {"Ca": (("x",), np.ones(3))}, time=0.5)
        out.append("mouths", {"Ca": (("channel",), np.ones((3, 2)))}, time=[0.0, 0.25, 0.5])
    with pytest.raises(ValueError, match="not aligned"):
        xarray.open_datatree(path, engine="zarr", consolidated=False)
    tree = md.open_tree(path)
    assert set(tree.children) == {"fields", "mouths", "solver"}
    assert tree.attrs["complete"]
    np.testing.assert_array_equal(tree["fields/time"], [0.5])
    np.testing.assert_array_equal(tree["mouths/time"], [0.0, 0.25, 0.5])
    xarray.testing.assert_identical(tree["mouths"].to_dataset(), store.read(path, "mouths"))
