"""fine_tune.py with its weights shared by processes (FSDP2) on the CPU, which accelerate doesn't offer.

PyTorch does. What accelerate decides by the device is decided here as for GPUs; all else is what runs on GPUs: its
preparation of the model, the trainer's checkpoints, the gathering of weights.
"""

from __future__ import annotations

import os
import runpy
import sys

from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType

from helpers.project import ROOT

_init = AcceleratorState.__init__


def shared(self, *args, fsdp_plugin=None, **kwargs):
    _init(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
    if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin
        if self._mixed_precision != "no":
            fsdp_plugin.set_mixed_precision(self._mixed_precision)


if __name__ == "__main__":
    os.environ["ACCELERATE_USE_CPU"] = "true"
    AcceleratorState.__init__ = shared
    script = ROOT / "workflow" / "scripts" / "fine_tune.py"
    sys.path.insert(0, str(script.parent))
    runpy.run_path(str(script), run_name="__main__")
