# SPDX-License-Identifier: Apache-2.0
"""Proofs in memory: a window and a worker, whose promise holds until a test changes that."""

from __future__ import annotations

from engine.api.privacy import PrivacyState
from engine.api.proofs import FolderView, ProcessView, Proof, Role
from engine.errors import EngineError
from engine.launcher.network import ProcessNetwork
from engine.launcher.probe import TRIES, Outcome, ProbeAnswer, Try

OWN = PrivacyState(
    is_verified=True,
    kernel_filter_active=True,
    attempts=0,
    title="Offline, verified",
    sentence="no network use since start",
)
ANSWER = ProbeAnswer(
    inherited=(Try(name="tcp", outcome=Outcome.REFUSED),),
    guarded=tuple(Try(name=name, outcome=Outcome.REFUSED) for name in TRIES),
    works_locally=True,
    has_filter=True,
    refusal="",
    noticed=4,
)
WINDOW = ProcessView(
    role=Role.WINDOW, name="", network=ProcessNetwork(pid=7, has_filter=True, local=3), refused=0
)
WORKER = ProcessView(
    role=Role.WORKER,
    name="Tickets",
    network=ProcessNetwork(pid=8, has_filter=True),
    refused=0,
)
FOLDER = FolderView(purpose="Workspace", path="/home/a/w", entries=9, open_entries=0)
HOLDS = Proof(
    made_at="2026-11-21T10:00:00.000Z",
    version="0.6",
    system="Linux 6.18, x86_64",
    own=OWN,
    processes=(WINDOW, WORKER),
    folders=(FOLDER,),
    libraries=(),
    answer=ANSWER,
)


class FakeProofs:
    """What the proofs of a workspace find."""

    def __init__(self) -> None:
        self.made = HOLDS
        self.error: EngineError | None = None

    def processes(self, own: PrivacyState, role: Role) -> tuple[ProcessView, ...]:
        del own, role
        return self.made.processes

    def folders(self) -> tuple[FolderView, ...]:
        return self.made.folders

    def prove(self, own: PrivacyState, role: Role) -> Proof:
        del own, role
        if self.error is not None:
            raise self.error
        return self.made
