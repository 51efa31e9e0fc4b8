"""What a full disk is called."""

from __future__ import annotations

import errno

import pytest
from safetensors import SafetensorError

from m1flow.errors import M1FlowError
from m1flow.training.records import naming_full_disks


def test_what_a_tracker_says_of_the_network_is_not_taken_for_the_disk(tmp_path):
    with pytest.raises(ConnectionResetError) as caught, naming_full_disks(tmp_path):
        raise ConnectionResetError(104, "reset by peer")
    assert caught.value.filename is None
    with pytest.raises(OSError) as caught, naming_full_disks(tmp_path):
        raise OSError(28, "no space left")
    assert caught.value.filename == str(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_by_what_was_to_be_written(number):
    with pytest.raises(OSError) as caught, naming_full_disks("models/m"):
        raise OSError(number, "no room")
    assert (caught.value.errno, caught.value.filename) == (number, "models/m")
    told = r"^models/m: the model can't be written \(no room\); free some space"
    with pytest.raises(M1FlowError, match=told), naming_full_disks("models/m"):
        raise SafetensorError("no\nroom")
