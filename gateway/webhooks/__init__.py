"""Sends committed events to the receivers that asked for them (Standard Webhooks 1.0.0).

Refuses to decide what an event says or who wants it: the store wrote both down in the event's own transaction.
"""

from __future__ import annotations

from gateway.webhooks.networks import Refusal, TargetRules
from gateway.webhooks.sender import WebhookSender
from gateway.webhooks.settings import WebhookSettings
from gateway.webhooks.target import check_target

__all__ = ["Refusal", "TargetRules", "WebhookSender", "WebhookSettings", "check_target"]
