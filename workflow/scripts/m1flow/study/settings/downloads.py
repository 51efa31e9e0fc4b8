"""Settings of downloads from the hub."""

from __future__ import annotations

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import REVISION, Checksum, HubId, Text, Texts


class DownloadSettings(Section):
    """The keys of a question set, a teacher or a base that select its download from the hub."""

    hub: HubId = Field(description="the repository")
    revision: Text | None = Field(None, description=REVISION)
    config: str | None = Field(None, description="which of the data set's configs")
    split: str | None = Field(None, description="which split; train by default")
    files: Texts | None = Field(None, description="which files (patterns); by default those of the split")
    checksum: Checksum | None = Field(None, description="the published checksum of the file")
