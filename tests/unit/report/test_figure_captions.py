"""Captions of figures, in the words of their modules."""

from __future__ import annotations

import subprocess
import sys

from helpers.project import ROOT
from m1flow.report.figure_captions import figure_captions
from m1flow.study.seams.figures import FIGURES


def test_every_figure_has_a_caption_that_is_a_sentence():
    captions = figure_captions()
    assert list(captions) == list(FIGURES.names())
    assert all(caption and caption[0].isupper() and caption.rstrip().endswith(".") for caption in captions.values())


def test_captions_are_read_without_drawing_anything():
    """The rules read them, and Snakemake's environment may have no altair."""
    said = "import sys; from m1flow.report import figure_captions as module; module.figure_captions()"
    said += "; print('altair' in sys.modules)"
    scripts = ROOT / "workflow" / "scripts"
    done = subprocess.run([sys.executable, "-c", said], cwd=scripts, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
