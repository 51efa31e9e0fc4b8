"""Records of a training run in its model folder, and an error that names a full disk."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m1flow.errors import M1FlowError
from m1flow.files.json import write_json
from m1flow.models.folder import seal
from m1flow.text.shown import one_line
from m1flow.training.model_card import model_card

if TYPE_CHECKING:
    from m1flow.training.loss_curve import LossCurve

_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@contextlib.contextmanager
def naming_full_disks(out: Path | str) -> Iterator[None]:
    """Report a full disk with its path: safetensors raises no OSError, and others raise one without a file name."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        raise M1FlowError(
            f"{out}: the model can't be written ({one_line(error)}); free some space, then rerun"
        ) from error
    except OSError as error:
        if error.filename or error.errno not in _DISK_ERRORS:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(out)) from error


def write_records(folder: Path, record: dict[str, Any], curve: LossCurve, provenance: Mapping[str, Any]) -> None:
    """Write the records of a training run into its model folder."""
    record["counts"] |= {"seen_tokens": curve.tokens}
    record |= {"seconds": round(curve.seconds, 1), "final_loss": curve.losses[-1]["loss"]}
    write_json(folder / "m1flow" / "training.json", record)
    write_json(folder / "m1flow" / "provenance.json", provenance)
    (folder / "m1flow" / "loss.csv").write_text(curve.csv(), encoding="utf-8")
    seal(folder)
    (folder / "README.md").write_text(model_card(record, curve.csv()), encoding="utf-8")
