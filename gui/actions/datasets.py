# SPDX-License-Identifier: Apache-2.0
"""Renaming and removing datasets, and what is done with an import that went wrong."""

from __future__ import annotations

from gettext import gettext as _

from engine.api.jobs import JobView
from engine.api.starter import SAMPLE_NAME, sample_file
from engine.domain.dataset import DatasetInfo
from gui.actions.import_files import import_now
from gui.actions.trash import say_removed
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from gui.viewmodels.datasets import import_request
from gui.viewmodels.import_requests import MappingRequest


def rename_dataset(services: Services, *, dataset_id: str, name: str) -> None:
    """Give a dataset another name."""

    def done(outcome: Outcome[DatasetInfo]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The dataset was not renamed"))
        services.library.refresh()

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.datasets.rename(dataset_id, name), done, owner=services.library
    )


def describe_dataset(services: Services, *, dataset_id: str, name: str, text: str) -> None:
    """Keep what the person says of a dataset: `licence`, `origin` or `consent`."""

    def done(outcome: Outcome[DatasetInfo]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The statement was not kept"))
        services.library.refresh()

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.datasets.describe(dataset_id, **{name: text}),
        done,
        owner=services.library,
    )


def remove_dataset(services: Services, *, dataset: DatasetInfo) -> None:
    """Remove a dataset; where it has to stay, say why and show it again.

    Its page has closed its rows before: an open file cannot be deleted on Windows.
    """

    def done(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The dataset was not removed"))
            services.navigator.go("datasets", dataset.id)
        else:
            words = _("“{name}” was removed.").format(name=dataset.name)
            say_removed(services, words, entry_id=outcome.value)
        services.library.refresh()

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.datasets.remove(dataset.id), done, owner=services.library
    )


def import_sample(services: Services) -> None:
    """Import the sample that comes with Burnish."""
    import_now(services, paths=[sample_file()], name=SAMPLE_NAME)


def retry_import(services: Services, *, job: JobView) -> None:
    """Start an import anew that ended badly, with the same files, and forget the old one."""
    request = import_request(job.info)
    dismiss_import(services, job_id=job.info.id)
    import_now(services, paths=request.paths, name=request.name, mapping=request.mapping)


def dismiss_import(services: Services, *, job_id: str) -> None:
    """Forget an import that ended."""

    def done(outcome: Outcome[None]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error)
        services.library.refresh()

    services.tasks.run(lambda: services.api.jobs.remove(job_id), done, owner=services.library)


def edit_mapping(services: Services, *, job: JobView) -> None:
    """Say what the columns of files mean whose import ended badly, and forget that one."""
    request = import_request(job.info)
    dismiss_import(services, job_id=job.info.id)
    asked = MappingRequest(paths=request.paths, name=request.name, mapping=request.mapping)
    services.navigator.go("datasets", asked)
