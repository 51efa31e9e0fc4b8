"""Downloads: what an entry takes from the hub."""

from __future__ import annotations

import pytest

from helpers.settings import refusal
from m1flow.study.settings.downloads import DownloadSettings
from m1flow.study.settings.problems import read


def test_only_the_repository_must_be_named():
    assert read(DownloadSettings, {"hub": "owner/set"}).dump() == {"hub": "owner/set"}
    assert refusal(DownloadSettings, {}) == "hub: missing; add this key"


@pytest.mark.parametrize("hub", ["set", "a/b/c", "../set", "owner/ set", "https://huggingface.co/owner/set"])
def test_what_is_no_repository_is_refused(hub):
    assert refusal(DownloadSettings, {"hub": hub}) == f'hub: must be a hub id, owner/name, not "{hub}"'


@pytest.mark.parametrize("checksum", ["0" * 32, f"md5:{'0' * 31}", f"sha256:{'G' * 64}", f"sha1:{'0' * 40}"])
def test_a_checksum_names_its_kind_and_is_whole(checksum):
    message = refusal(DownloadSettings, {"hub": "owner/set", "checksum": checksum})
    assert message.startswith("checksum: must be md5: or sha256: followed by hex digits, not ")
