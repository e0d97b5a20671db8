"""A stand-in for the CuPy calls that the CUDA backend makes, running its kernels on the processor.

Kernels are compiled by the C++ compiler from the very text that NVRTC would get, and are launched
block by block and thread by thread with the grid and block shapes that the backend chose.  Arrays
on the "device" are a class of their own: mixing them with host arrays is an error, as on a card.
While a stream is captured, launches are written down with their addresses alone, and all else is an error.
"""

import ctypes
import hashlib
import shutil
import subprocess
import types
from pathlib import Path

import numpy as np

from microdomain.backends import sources

COMPILER = shutil.which("g++") or shutil.which("c++") or shutil.which("clang++")

SHIM = """
#define __CUDACC__ 1
#define __global__
#define __device__
#define __forceinline__ inline
struct Three { unsigned x, y, z; };
static Three blockIdx, threadIdx, blockDim, gridDim;
"""

LAUNCH = """
extern "C" void launch_{name}(unsigned across_, unsigned down_, unsigned block_, {parameters}) {{
    gridDim = {{across_, down_, 1}};
    blockDim = {{block_, 1, 1}};
    for (unsigned j = 0; j < down_; ++j)
        for (unsigned i = 0; i < across_; ++i)
            for (unsigned t = 0; t < block_; ++t) {{
                blockIdx = {{i, j, 0}};
                threadIdx = {{t, 0, 0}};
                {name}({names});
            }}
}}
"""

TYPES = {"int": ctypes.c_int, "wide": ctypes.c_longlong, "double": ctypes.c_double}
SCALARS = {"int": np.int32, "wide": np.int64, "double": np.float64}


class DeviceArray(np.ndarray):
    """An array that refuses to meet host arrays unasked."""

    @property
    def data(self):
        """Where it is in memory."""
        return types.SimpleNamespace(ptr=self.ctypes.data)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        Stream.refuse(ufunc.__name__)

        def bare(a):
            if isinstance(a, DeviceArray):
                return a.view(np.ndarray)
            if isinstance(a, np.ndarray) and a.ndim:
                raise TypeError(f"host array of shape {a.shape} meets a device array in {ufunc.__name__}")
            return a

        if out is not None:
            kwargs["out"] = tuple(bare(a) for a in out)
        result = getattr(ufunc, method)(*(bare(a) for a in inputs), **kwargs)
        if out is not None:
            return out[0]
        return result.view(DeviceArray) if isinstance(result, np.ndarray) else result

    def set(self, a):
        """Copy from the host."""
        Stream.refuse("a copy from the host")
        assert type(a) is np.ndarray
        assert (a.shape, a.dtype) == (self.shape, self.dtype)
        self.view(np.ndarray)[...] = a

    def get(self, stream=None, out=None, blocking=True):
        """A copy on the host; one that does not block arrives when its stream is waited for."""
        Stream.refuse("a copy to the host")
        if out is None:
            return np.array(self.view(np.ndarray))
        assert blocking is False
        assert type(out) is np.ndarray
        assert stream.waits, "the copy may overtake what computes the array"
        assert (out.shape, out.dtype) == (self.shape, self.dtype)
        stream.waits = False
        stream.under_way.append((self.view(np.ndarray), out))
        return out


def pinned(size):
    """Memory as `alloc_pinned_memory` gives it: at least as much as asked for, filled with rubbish."""
    return memoryview(bytearray(b"\xff" * (size + 64)))


class Stream:
    """A stream of its own: it can be captured, and copies arrive when somebody waits for them."""

    capturing = None

    def __init__(self, non_blocking=False):
        assert non_blocking, "a stream that blocks waits for the default stream, and cannot be captured"
        self.entered, self.under_way, self.waits = False, [], False

    def wait_event(self, event):
        """What follows comes after the event."""
        assert event == "computed"
        self.waits = True

    def record(self):
        """An event behind what is under way."""
        copies, self.under_way = self.under_way, []

        def synchronize():
            while copies:
                source, out = copies.pop()
                out[...] = source

        return types.SimpleNamespace(synchronize=synchronize)

    @classmethod
    def refuse(cls, what):
        """Raise as CuPy does where something cannot be captured."""
        if cls.capturing is not None:
            raise NotImplementedError(f"calling {what} during stream capture is currently unsupported")

    def __enter__(self):
        self.entered = True

    def __exit__(self, *_):
        self.entered = False

    def is_capturing(self):
        """Whether launches are written down."""
        return Stream.capturing is not None

    def begin_capture(self):
        """Write launches down from now on."""
        assert self.entered
        assert Stream.capturing is None
        Stream.capturing = []

    def end_capture(self):
        """The graph of what was written down."""
        graph, Stream.capturing = Graph(Stream.capturing), None
        return graph


class Graph:
    """Launches by their addresses."""

    launched = 0

    def __init__(self, launches):
        assert launches, "an empty graph"
        self.launches = launches

    def launch(self):
        """Run them in order."""
        Graph.launched += 1
        for function, given in self.launches:
            function(*given)


class Kernel:
    """A kernel that is launched as CuPy launches it."""

    def __init__(self, function, arguments):
        self.function, self.arguments = function, arguments
        function.argtypes = [ctypes.c_uint] * 3 + [
            ctypes.c_void_p if a.pointer else TYPES[a.kind] for a in arguments
        ]

    def __call__(self, grid, block, values):
        given = []
        for value, declared in zip(values, self.arguments, strict=True):
            if declared.pointer:
                assert isinstance(value, DeviceArray) or value == np.intp(0), declared.name
                given.append(value.ctypes.data if isinstance(value, DeviceArray) else None)
            else:
                assert type(value) is SCALARS[declared.kind], declared.name
                given.append(value.item())
        assert (len(grid), len(block)) == (2, 1)
        assert max(grid[1] / 65535, block[0] / 1024) <= 1
        whole = (grid[0], grid[1], block[0], *given)
        if Stream.capturing is not None:
            Stream.capturing.append((self.function, whole))
        else:
            self.function(*whole)


def module(folder: Path, free: int = 10**10):
    """The module that stands where `import cupy` looks.

    Parameters
    ----------
    folder : Path                   for compiled kernels
    free : int                      bytes of memory that the card claims to have
    """

    class RawModule:
        def __init__(self, code, options):
            assert options == ("--std=c++17",)
            launches = "".join(
                LAUNCH.format(
                    name=name,
                    parameters=", ".join(f"{a.kind} {'*' if a.pointer else ''}{a.name}" for a in arguments),
                    names=", ".join(a.name for a in arguments),
                )
                for name, arguments in sources.signatures().items()
            )
            target = folder / (hashlib.sha256(code.encode()).hexdigest()[:16] + ".so")
            if not target.exists():
                source = target.with_suffix(".cpp")
                source.write_text(SHIM + code + launches)
                subprocess.run(
                    [COMPILER, "-O1", "-w", "-fPIC", "-shared", "-o", str(target), str(source)], check=True
                )
            self.library = ctypes.CDLL(str(target))

        def get_function(self, name):
            return Kernel(getattr(self.library, f"launch_{name}"), sources.signatures()[name])

    def device(make):
        def made(*args, **kwargs):
            Stream.refuse(make.__name__)
            return make(*args, **kwargs).view(DeviceArray)

        return made

    def bare(shape, dtype, memory, strides):
        """An array over memory that belongs to someone else."""
        size = sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) + np.dtype(dtype).itemsize
        place = (ctypes.c_char * size).from_address(memory)
        return np.ndarray(shape, dtype, place, strides=strides).view(DeviceArray)

    def matmul(a, b, out=None):
        Stream.refuse("cuBLAS")
        assert all(isinstance(x, DeviceArray) for x in (a, b)), "matmul of host arrays"
        result = np.matmul(a.view(np.ndarray), b.view(np.ndarray))
        if out is None:
            return result.view(DeviceArray)
        out[...] = result
        return out

    def einsum(path, *arrays, **kwargs):
        assert all(isinstance(x, DeviceArray) for x in arrays), "einsum of host arrays"
        return np.asarray(np.einsum(path, *(x.view(np.ndarray) for x in arrays), **kwargs)).view(DeviceArray)

    made = types.ModuleType("cupy")
    for name in ("empty", "zeros", "ones", "full", "array", "asarray", "zeros_like", "empty_like"):
        setattr(made, name, device(getattr(np, name)))
    for name in ("maximum", "minimum", "multiply", "subtract", "sqrt"):
        setattr(made, name, getattr(np, name))
    made.where = lambda *a: np.where(*a).view(DeviceArray)
    made.einsum = einsum
    made.matmul, made.RawModule, made.ndarray = matmul, RawModule, bare
    made.get_default_memory_pool = lambda: types.SimpleNamespace(free_bytes=lambda: 0)
    made.asnumpy = lambda a: a.get()
    made.cuda = types.SimpleNamespace(
        is_available=lambda: True,
        Stream=Stream,
        UnownedMemory=lambda place, size, owner: place,
        MemoryPointer=lambda memory, offset: memory + offset,
        get_current_stream=lambda: types.SimpleNamespace(synchronize=lambda: None, record=lambda: "computed"),
        alloc_pinned_memory=pinned,
        runtime=types.SimpleNamespace(memGetInfo=lambda: (free, free)),
    )
    return made
