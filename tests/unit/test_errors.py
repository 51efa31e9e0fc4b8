"""The error that users see: one line, whatever its message quotes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from m1flow.errors import M1FlowError


@given(st.text() | st.text("a\n\r\u2028\x1b\u202e\t"))
def test_a_message_is_one_line_that_nothing_quoted_can_break(quoted):
    message = str(M1FlowError(f"file: {quoted}: cure"))
    assert len(message.splitlines()) == 1
    assert message.startswith("file: ") and message.endswith(": cure")


def test_an_ordinary_message_stays_as_it_is():
    assert str(M1FlowError("config.yaml: seed: wie „schön“; mend it")) == "config.yaml: seed: wie „schön“; mend it"
