# SPDX-License-Identifier: Apache-2.0
"""Rules on the training libraries: whether all are there and whole."""

from __future__ import annotations

from gettext import gettext as _

from engine.domain.problem import Severity
from engine.hardware.doctor.snapshot import Finding, LibraryFacts, Snapshot, error, warning


def libraries(seen: Snapshot) -> list[Finding]:
    """Judge whether the training libraries are all there, made for this program, and whole."""
    found = seen.libraries
    if found.missing:
        return [_misfit(found) if found.misfit else _missing(found)]
    if not found.damaged:
        return [_other_version(found)] if found.other_version else []
    name, path = found.damaged[0]
    return [
        error(
            "training_libraries_damaged",
            _("Training libraries damaged"),
            _(
                "Files of {names} are missing or have changed, {path} for one. Training may fail "
                "at any moment."
            ).format(names=", ".join(one for one, _file in found.damaged), path=f"{name}: {path}"),
            _remedy(found),
        )
    ]


def differs(seen: Snapshot) -> list[Finding]:
    """Judge whether the libraries belong to another version, with which runs may differ."""
    return [one for one in libraries(seen) if one.severity is Severity.WARNING]


def _missing(found: LibraryFacts) -> Finding:
    return error(
        "training_libraries_missing",
        _("Training libraries missing"),
        _("These libraries are not installed: {names}. Nothing can be trained.").format(
            names=", ".join(found.missing)
        ),
        _remedy(found),
    )


def _misfit(found: LibraryFacts) -> Finding:
    return error(
        "training_libraries_unsuitable",
        _("Training libraries do not fit"),
        _("The training libraries that are installed are made for {theirs}.").format(
            theirs=found.misfit
        ),
        _remedy(found),
    )


def _other_version(found: LibraryFacts) -> Finding:
    return warning(
        "training_libraries_of_another_version",
        _("Training libraries of another version"),
        found.other_version,
        _remedy(found),
    )


def _remedy(found: LibraryFacts) -> str:
    if found.is_packaged:
        return _(
            "Add the training libraries that belong to this version, in the settings under "
            "Training libraries."
        )
    return _("Run packaging/bootstrap.py, which installs them anew.")
