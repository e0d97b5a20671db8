"""A job array for Slurm as a script that one can read, edit and submit."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from microdomain.sweep_plan import Sweep

_SCRIPT = """\
#!/bin/bash
# {title}: {points} points in {tasks} tasks.  Edit what you like, then: sbatch {name}
#SBATCH --job-name={job}
#SBATCH --array=0-{last}{at_once}
#SBATCH --cpus-per-task={cpus}
#SBATCH --mem={memory}
#SBATCH --time={time}
{gpu}#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
#SBATCH --output={logs}/%A_%a.log
{more}
# Two minutes before the time is up, or when the machine is taken away, the run saves its state and
# leaves with 75; the task is queued again and goes on from there.
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK OPENBLAS_NUM_THREADS=$SLURM_CPUS_PER_TASK
task=${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}

{python} -m microdomain.cli sweep run {folder} --shard "$SLURM_ARRAY_TASK_ID/{tasks}"{options} &
run=$!
trap 'kill -USR1 $run' USR1 TERM
code=999
while kill -0 $run 2>/dev/null; do wait $run; code=$?; done
if [ $code -eq 75 ]; then
  echo "stopped; $task is queued again"
  scontrol requeue "$task"
  sleep 60  # until Slurm ends this attempt
fi
exit $code
"""


def script(
    folder: str | Path,
    tasks: int | None = None,
    gpu: bool = True,
    at_once: int | None = None,
    time: str = "04:00:00",
    memory: str = "4G",
    cpus: int = 1,
    partition: str | None = None,
    options: str = "",
) -> str:
    """The text of an sbatch script for a planned sweep.

    Parameters
    ----------
    folder : str or Path          a planned sweep
    tasks : int, optional         how many tasks share the points; one per batch when left out
    gpu : bool                    a GPU for every task
    at_once : int, optional       tasks that run at the same time, at most
    time, memory : str            of each task, as Slurm writes them
    cpus : int                    cores of each task
    partition : str, optional
    options : str                 more words for `microdomain sweep run`

    Returns
    -------
    str
    """
    sweep = Sweep(folder)
    tasks = min(tasks or len(sweep.batches()), len(sweep.points))
    if tasks < 1 or cpus < 1:
        raise ValueError(f"tasks = {tasks}, cpus = {cpus}: give at least one of each.")
    return _SCRIPT.format(
        title=" ".join(sweep.title.split()),
        points=len(sweep.points),
        tasks=tasks,
        name="job.sh",
        job="microdomain",
        last=tasks - 1,
        at_once=f"%{at_once}" if at_once else "",
        cpus=cpus,
        memory=memory,
        time=time,
        gpu="#SBATCH --gres=gpu:1\n" if gpu else "",
        logs=sweep.folder.resolve() / "logs",
        more=f"#SBATCH --partition={partition}\n" if partition else "",
        python=shlex.quote(sys.executable),
        folder=shlex.quote(str(sweep.folder.resolve())),
        options=f" {options}" if options else "",
    )
