"""The one kind of error that users see."""

from m1flow.text.shown import in_line


class M1FlowError(Exception):
    """A problem the user can cure. Its message is one line that names the file, the key and the cure."""

    def __init__(self, message: str):
        """Take the message; line ends and control characters in quoted text are replaced by their code points."""
        super().__init__(in_line(message))
