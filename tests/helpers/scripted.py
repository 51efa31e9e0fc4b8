"""An engine and a chat that say what a script says: for tests of what goes round them."""

from __future__ import annotations

from m1flow.chat.turns import ModelTurn
from m1flow.engines.interface import Completion, end_of


class ScriptedEngine:
    """Says what a script says about a prompt's text; finishes in reverse order, as engines may."""

    model_id = "scripted"

    def __init__(self, formatter, script):
        self.formatter, self.script, self.pending, self.requests = formatter, script, [], []
        self.most_pending = 0

    def submit(self, request):
        self.pending.append(request)
        self.requests.append(request)
        self.most_pending = max(self.most_pending, len(self.pending))

    def finished(self):
        while self.pending:
            request = self.pending.pop()
            said = self.script(self.formatter.decode(request.prompt), request)
            ids = tuple(self.formatter.encode(said))
            end = end_of(request.until, ids)
            cut = len(ids) + 1 > request.max_tokens or end is not None
            ids = ids[:end]
            yield request, Completion(ids[: request.max_tokens], not cut, None if cut else request.stop[0])

    def close(self):
        pass


class ScriptedChat:
    """Answers what a script says to what was asked; finishes in reverse order, and dies after some if told to."""

    identity = "scripted"

    def __init__(self, say, lives=None):
        self.say, self.lives, self.heard = say, lives, []

    def turns(self, asked, max_tokens):
        for one in reversed(list(asked)):
            if self.lives == len(self.heard):
                raise KeyboardInterrupt
            self.heard.append(one)
            said = self.say(one)
            yield (
                one,
                said
                if isinstance(said, ModelTurn)
                else ModelTurn("hm", said, 100, 10, True, cached_tokens=60, cost=0.25),
            )

    def close(self):
        pass
