# SPDX-License-Identifier: Apache-2.0
"""Errors of runs, jobs, workers and exports."""

from __future__ import annotations

from engine.errors.base import EngineError, mark


class RunNotFound(EngineError):
    """No run of the workspace has this name or id."""

    code = "run_not_found"
    default_remedy = mark("Look at the list of runs.")


class RunNotResumable(EngineError):
    """The run cannot go on from where it is."""

    code = "run_not_resumable"
    default_remedy = mark("Start a new run with the same recipe.")


class PowerRefused(EngineError):
    """The computer could not be put to sleep or shut down when the queue was done."""

    code = "power_refused"
    default_remedy = mark("Do it by hand; every run of the queue has ended.")


class AlreadyRunning(EngineError):
    """A worker is already busy with this job."""

    code = "already_running"
    default_remedy = mark("Wait for it, or stop it first.")


class WorkerDied(EngineError):
    """The worker process ended without saying why; finished checkpoints are safe."""

    code = "worker_died"
    default_remedy = mark("Look at the log, then resume the run.")


class GpuLost(EngineError):
    """The graphics card stopped answering; finished checkpoints are safe."""

    code = "gpu_lost"
    default_remedy = mark("Restart the computer, then resume the run.")


class GpuFaulted(EngineError):
    """A computation on the graphics card went wrong; finished checkpoints are safe."""

    code = "gpu_faulted"
    default_remedy = mark("Resume the run. If it happens again, restart the computer first.")


class DriverChanged(EngineError):
    """The graphics driver was updated while it was in use; finished checkpoints are safe."""

    code = "driver_changed"
    default_remedy = mark("Restart the computer, then resume the run.")


class ComputerSlept(EngineError):
    """The computer slept, and the graphics card did not wake; finished checkpoints are safe."""

    code = "computer_slept"
    default_remedy = mark("Resume the run. If the card is not found, restart the computer first.")


class ComputerRestarted(EngineError):
    """The computer was restarted or switched off meanwhile; finished checkpoints are safe."""

    code = "computer_restarted"
    default_remedy = mark("Resume the run.")


class KilledBySystem(EngineError):
    """The worker process was ended from outside; finished checkpoints are safe."""

    code = "killed_by_system"
    default_remedy = mark("Resume the run. If memory was short, close other programs first.")


class WorkerCrashed(EngineError):
    """The worker process crashed within a library; finished checkpoints are safe."""

    code = "worker_crashed"
    default_remedy = mark("Resume the run; if it crashes again, report the details.")


class ProbeSilent(EngineError):
    """The process that tries to reach the network gave no answer; nothing is proved by that."""

    code = "probe_silent"
    default_remedy = mark("Run the proof again.")


class ProcessLost(EngineError):
    """A process that trained together with others has ended; finished checkpoints are safe."""

    code = "process_lost"
    default_remedy = mark("Look at the end of the log, then resume the run.")


class ProcessFailed(EngineError):
    """A process that trained together with others failed; finished checkpoints are safe."""

    code = "process_failed"
    default_remedy = mark("Resume the run, with fewer processes if it fails again.")


class CheckpointDamaged(EngineError):
    """A checkpoint does not verify and is not used."""

    code = "checkpoint_damaged"
    default_remedy = mark("Resume from the checkpoint before it.")


class RunFileInvalid(EngineError):
    """The file is no run that was saved as a file, or not as it was written."""

    code = "run_file_invalid"
    default_remedy = mark("Save the run as a file once more, and copy that.")


class NothingToExport(EngineError):
    """The run has no adapter and no verified checkpoint yet."""

    code = "nothing_to_export"
    default_remedy = mark("Wait for the first checkpoint, or resume the run.")


class ExportNotEqual(EngineError):
    """The exported files do not answer as the trained model does; they were not kept."""

    code = "export_not_equal"
    default_remedy = mark("Export again; if it stays, export the adapter and report the numbers.")
