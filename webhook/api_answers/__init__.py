"""What the API answers, field by field: ``presentation`` fills these in, the OpenAPI document shows them.

A name here is the name of a schema there, a docstring its description. Every field is always there; what is
not known is null. No ``from __future__ import annotations`` in these modules: the types are read when the
document is made.
"""

from webhook.api_answers.apps import App, Apps, ColorSeen, Interference, Observation, RollbackSafety, WayBack
from webhook.api_answers.audit import AuditEntry, AuditPage
from webhook.api_answers.basics import Actor, Problem
from webhook.api_answers.channels import Channel, Channels, ChannelTest
from webhook.api_answers.differences import (
    ChangedKey,
    ChangedObject,
    Commit,
    Commits,
    Compared,
    Difference,
    MigrationBetween,
)
from webhook.api_answers.releases import (
    ByHand,
    Change,
    Job,
    Log,
    LogLine,
    MigrationRun,
    Probe,
    Release,
    Releases,
    ReleaseWithLife,
    StageOfJob,
)
from webhook.api_answers.requests import Accepted, OnlyId, Stopped, Voted
from webhook.api_answers.rules import Approvals, Countdown, Freeze, NextFreeze, Rules, Stop, Vote
from webhook.api_answers.tags import Tag, Tags
from webhook.api_answers.tokens import MadeToken, RevokedToken, Token, Tokens

__all__ = [
    "Accepted",
    "Actor",
    "App",
    "Approvals",
    "Apps",
    "AuditEntry",
    "AuditPage",
    "ByHand",
    "Change",
    "ChangedKey",
    "ChangedObject",
    "Channel",
    "ChannelTest",
    "Channels",
    "ColorSeen",
    "Commit",
    "Commits",
    "Compared",
    "Countdown",
    "Difference",
    "Freeze",
    "Interference",
    "Job",
    "Log",
    "LogLine",
    "MadeToken",
    "MigrationBetween",
    "MigrationRun",
    "NextFreeze",
    "Observation",
    "OnlyId",
    "Probe",
    "Problem",
    "Release",
    "ReleaseWithLife",
    "Releases",
    "RevokedToken",
    "RollbackSafety",
    "Rules",
    "StageOfJob",
    "Stop",
    "Stopped",
    "Tag",
    "Tags",
    "Token",
    "Tokens",
    "Vote",
    "Voted",
    "WayBack",
]
