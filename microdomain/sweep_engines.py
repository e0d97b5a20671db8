"""Where batches run: here, in a pool of processes, on Dask, on Slurm.  Nothing of it is home-made.

Every engine is an executor of `concurrent.futures`, or looks like one.  This file imports nothing
heavy, so that a fresh process can set its threads and its GPU before NumPy is loaded.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from types import TracebackType
from typing import Any

#: What `on` may say.
ENGINES = ("here", "local", "dask", "dask://HOST:PORT", "slurm")
#: Asked of every process of a pool, where the number of threads is left to the libraries.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SIGNALS = (signal.SIGUSR1, signal.SIGTERM)


class Engine:
    """An executor and how to end it.

    Parameters
    ----------
    executor : Executor or None   None computes in this process, one batch after the other
    close : callable              ends it
    array : bool                  hand over all batches as one job array (submitit)
    """

    def __init__(self, executor: Any, close: Callable[[], None], array: bool = False) -> None:
        self.executor, self.close, self.array = executor, close, array
        self._old: dict[int, Any] = {}
        self._stopped = False

    def run(self, function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """Compute all jobs; gives (number, result or exception) as they come.

        Parameters
        ----------
        function : callable
        jobs : sequence of tuple      arguments of each call
        """
        if self.executor is None:
            for n, job in enumerate(jobs):
                outcome = function(*job)
                yield n, outcome
                if getattr(outcome, "stopped", False):
                    return
            return
        if self.array:
            waiting = self.executor.map_array(Task(function), *zip(*jobs, strict=True))
            for n, job in enumerate(waiting):
                yield n, _result(job)
            return
        numbers = {self.executor.submit(function, *job): n for n, job in enumerate(jobs)}
        for future in _as_completed(numbers):
            if future.cancelled():
                continue
            yield numbers[future], _result(future)
            if self._stopped:
                for other in numbers:
                    other.cancel()

    def __enter__(self) -> Engine:
        if isinstance(self.executor, futures.ProcessPoolExecutor):
            for number in _SIGNALS:
                self._old[number] = signal.signal(number, self._pass_on)
        return self

    def _pass_on(self, number: int, _: Any) -> None:
        """A signal to the pool is one to its processes: each saves its batch and stops."""
        self._stopped = True
        for process in multiprocessing.active_children():
            if process.pid is not None:
                os.kill(process.pid, signal.SIGUSR1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, old in self._old.items():
            signal.signal(number, old)
        self.close()


class Task:
    """A batch as submitit takes it: when Slurm takes the machine away, it is queued again.

    Parameters
    ----------
    function : callable
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *job: Any) -> Any:
        """Run the batch; one that was stopped asks submitit to queue it again."""
        outcome = self.function(*job)
        if getattr(outcome, "stopped", False):
            signal.raise_signal(signal.SIGUSR2)
        return outcome

    def checkpoint(self, *job: Any) -> Any:
        """What submitit queues again: the same batch, which goes on from its own checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *job)


def engine(
    on: Any, workers: int | None, folder: str, jobs: int, device: str | None, settings: dict[str, Any]
) -> Engine:
    """The engine of a name, or around an executor.

    Parameters
    ----------
    on : str or Executor
    workers : int or None         processes
    folder : str                  where submitit keeps its files
    jobs : int                    how many batches there are
    device : str or None          "cuda" gives every process a GPU of its own
    settings : dict               of the engine

    Returns
    -------
    Engine

    Raises
    ------
    ValueError                    an engine that there is not
    ImportError                   its package is missing
    """
    if not isinstance(on, str):
        if not hasattr(on, "submit"):
            raise ValueError(
                f"on = {on!r} has no `submit`; give an executor, or one of {', '.join(ENGINES)}."
            )
        return Engine(on, lambda: None)
    if on == "here":
        return Engine(None, lambda: None)
    if on == "local":
        return _pool(workers, jobs, device)
    if on == "dask" or on.startswith("dask://"):
        return _dask(on, workers or _cores(), jobs)
    if on == "slurm":
        return _slurm(folder, workers, settings)
    raise ValueError(f"on = {on!r}: give one of {', '.join(ENGINES)}.")


def _pool(workers: int | None, jobs: int, device: str | None) -> Engine:
    gpus = _gpus() if device in (None, "auto", "cuda") else []
    workers = min(workers or len(gpus) or _cores(), jobs)
    context = multiprocessing.get_context("spawn")  # never fork after threads
    places = context.Queue()
    for n in range(workers):
        places.put(gpus[n % len(gpus)] if gpus else None)
    threads = max(1, _cores() // workers)
    pool = futures.ProcessPoolExecutor(workers, context, _begin, (places, threads))
    return Engine(pool, lambda: pool.shutdown(cancel_futures=True))


def _begin(places: Any, threads: int) -> None:
    """First words of a process of the pool."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # between two batches; a run has handlers of its own
    for name in THREADS:
        os.environ.setdefault(name, str(threads))
    gpu = places.get()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _gpus() -> list[str]:
    """GPUs that this process may use, by the words that choose them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [word for word in chosen.split(",") if word.strip()]
    try:
        return [str(n) for n in range(sum(name.isdigit() for name in os.listdir("/proc/driver/nvidia/gpus")))]
    except OSError:
        return []


def _dask(on: str, workers: int, jobs: int) -> Engine:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise ImportError('Dask is not installed; `pip install "microdomain[batch]"` brings it.') from None
    cluster = None
    if on == "dask":
        # One process per worker and one batch in each: runs do not share threads.
        cluster = LocalCluster(
            n_workers=min(workers, jobs), threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        )
        client = Client(cluster)
    else:
        client = Client("tcp://" + on.removeprefix("dask://"), timeout=20)

    def close() -> None:
        client.close()
        if cluster is not None:
            cluster.close()

    return Engine(client.get_executor(pure=False, retries=2), close)


def _slurm(folder: str, workers: int | None, settings: dict[str, Any]) -> Engine:
    try:
        import submitit
    except ImportError:
        raise ImportError(
            'submitit is not installed; `pip install "microdomain[batch]"` brings it.'
        ) from None
    given = {"timeout_min": 240, "cpus_per_task": 1, **settings}
    if workers is not None:
        given["slurm_array_parallelism"] = workers
    executor = submitit.AutoExecutor(folder=os.path.join(folder, "%j"), cluster=given.pop("cluster", "slurm"))
    executor.update_parameters(name="microdomain", **given)
    return Engine(executor, lambda: None, array=True)


def _as_completed(waiting: Any) -> Iterator[Any]:
    if all(isinstance(future, futures.Future) for future in waiting):
        return futures.as_completed(waiting)
    distributed = sys.modules.get("distributed")
    if distributed is not None:
        return iter(distributed.as_completed(list(waiting)))
    return iter(waiting)


def _result(future: Any) -> Any:
    try:
        return future.result()
    except Exception as error:
        return error
