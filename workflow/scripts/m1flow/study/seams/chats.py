"""Chats: a model that is asked in turns, in this process or behind an endpoint."""

from __future__ import annotations

from m1flow.study.seams.seam import Seam

CHATS = Seam("chat", "m1flow.respondents.chats")
