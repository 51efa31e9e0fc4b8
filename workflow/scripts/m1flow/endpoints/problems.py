"""The errors of a run that ends without all of its answers: one line each, with the config's key and the cure."""

from __future__ import annotations

from m1flow.endpoints.protocol import Fatal
from m1flow.errors import M1FlowError
from m1flow.study.settings.endpoints import EndpointSettings


class Problems:
    """The errors of one endpoint of the config."""

    def __init__(self, name: str, settings: EndpointSettings):
        """Take the endpoint's name and settings."""
        self._name, self._settings = name, settings

    def fatal(self, error: Fatal) -> M1FlowError:
        """The endpoint rejects its key, URL or model."""
        variable = self._settings.key_variable
        key = (
            f"set ${variable} to a valid key"
            if variable
            else "set key_variable to the name of the environment variable with the key"
        )
        cures = {"key_variable": key, "url": f"correct endpoints.{self._name}.url or model"}
        return self._error(error.key, str(error), f"{cures[error.key]}, then rerun")

    def nothing_taken(self, cause: str) -> M1FlowError:
        """Every request is rejected."""
        cure = f"correct the settings of endpoints.{self._name}, or max_tokens, then rerun"
        return self._error("model", f"the endpoint rejects every request ({cause})", cure)

    def other_model(self, cause: str) -> M1FlowError:
        """All responses come from a model of another name."""
        return self._error(
            "answers_as", cause, "if both are the same model, set answers_as to the name in the responses, then rerun"
        )

    def dead(self, seconds: float, cause: str, answered: int) -> M1FlowError:
        """No question was answered while one used up all its attempts."""
        what = f"no question was answered for {seconds:,.0f} s ({cause}); {_kept(answered)}"
        return self._error("url", what, "check that the endpoint works, then rerun")

    def unanswered(self, number: int, cause: str, answered: int) -> M1FlowError:
        """Some questions were given up; the cause is that of the last one."""
        what = f"{number:,} questions have no answer after repeated attempts (the most recent cause: {cause}); "
        return self._error("question_seconds", what + _kept(answered), "rerun to ask only the missing ones")

    def long_pause(self, seconds: float, answered: int) -> M1FlowError:
        """The endpoint asks to wait for longer than a question may take."""
        what = f"the endpoint asks to wait {seconds:,.0f} s; {_kept(answered)}"
        return self._error("question_seconds", what, "rerun after that time, or raise question_seconds")

    def out_of_time(self, answered: int) -> M1FlowError:
        """The run has used up its time."""
        what = f"{self._settings.stop_after_minutes:g} minutes are over; {_kept(answered)}"
        return self._error("stop_after_minutes", what, "rerun to continue")

    def cap_reached(self, spent: float, next_cost: float, answered: int) -> M1FlowError:
        """The amount left under the cap may not be enough for another question."""
        cap = self._settings.spending_cap
        what = f"${spent:,.4f} of ${cap:,.2f} are spent and the next question may cost ${next_cost:,.4f}; "
        cure = f"raise endpoints.{self._name}.spending_cap, then rerun"
        return self._error("spending_cap", what + _kept(answered), cure)

    def _error(self, key: str, what: str, cure: str) -> M1FlowError:
        return M1FlowError(f"endpoints.{self._name}.{key}: {what}; {cure}")


def _kept(answered: int) -> str:
    return f"{answered:,} questions are answered and kept"
