"""Tables as the report reads them: without rows where the study has none."""

from __future__ import annotations

from m1flow.report import study_tables


def test_a_diverged_loss_is_left_out(tmp_path):
    (tmp_path / "loss.csv").write_text("step,loss\n1,2.5\n2,nan\n")
    assert study_tables.read_loss(tmp_path / "loss.csv")["loss"].tolist() == [2.5]
