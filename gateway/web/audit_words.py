"""Owns the words of the audit trail: what each action is called on the page and in the documents.

Knows no entry. A test holds it to the actions that are written anywhere.
Source: rules AUD-2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.web.words import mark

ACTIONS: Final[Mapping[str, str]] = {
    "audit.begun": mark("The trail begins here"),
    "audit.exported": mark("Took the trail as a file"),
    "key.created": mark("Made a key"),
    "key.changed": mark("Changed a key"),
    "key.revoked": mark("Revoked a key"),
    "key.refused": mark("Showed a key that is not in force"),
    "key.in_url": mark("Sent a key in an address"),
    "key.anomaly": mark("A key was used in an odd way"),
    "session.link_made": mark("Made a sign-in link"),
    "session.begun": mark("Signed in"),
    "session.ended": mark("Signed out"),
    "webhook.created": mark("Added a webhook"),
    "webhook.changed": mark("Changed a webhook"),
    "webhook.deleted": mark("Deleted a webhook"),
    "line.changed": mark("Changed a line"),
    "line.ussd": mark("Asked the network a code"),
    "line.texted": mark("Let a line text itself"),
    "pairing.begun": mark("Made a code for a phone"),
    "device.paired": mark("A phone was paired"),
    "device.provisioned": mark("Set up a phone"),
    "device.restarted": mark("Restarted a modem"),
    "device.ignored": mark("Ignored something that was found"),
    "device.shown_again": mark("Showed something again that was ignored"),
    "device.repaired": mark("Repaired a phone"),
    "device.released": mark("Let go of a phone"),
    "device.removed": mark("Ended the key of a phone"),
    "device.unlocked": mark("Entered the PIN of a SIM"),
    "device.revoked": mark("A phone's key ended"),
    "device.conflict": mark("A phone claimed what it does not have"),
    "doctor.fix": mark("Repaired something"),
    "doctor.undone": mark("Took a repair back"),
    "doctor.put_off": mark("Put a finding off"),
    "doctor.told_again": mark("Let a finding be told again"),
    "suppression.added": mark("Added a suppression"),
    "suppression.lifted": mark("Lifted a suppression"),
    "suppression.not_meant": mark("Said that a text was no stop"),
    "suppressions.exported": mark("Took the suppressions as a file"),
    "approval.approved": mark("Approved what waited"),
    "approval.rejected": mark("Rejected what waited"),
    "message.resolved": mark("Decided a message in doubt"),
    "message.opt_out_overridden": mark("Texted somebody who asked for no texts"),
    "conversation.exported": mark("Took a conversation as a file"),
    "messages.exported": mark("Took messages as a file"),
    "batch.exported": mark("Took a batch as a file"),
    "evidence.taken": mark("Took evidence with numbers and texts"),
    "config.changed": mark("The configuration changed"),
    "database.restored": mark("Put a backup back"),
    "restore.released": mark("Let go what a backup held"),
}

KINDS: Final[Mapping[str, str]] = {
    "key": mark("keys"),
    "session": mark("sign-ins"),
    "webhook": mark("webhooks"),
    "line": mark("lines"),
    "device": mark("phones and modems"),
    "doctor": mark("repairs"),
    "suppression": mark("suppressions"),
    "approval": mark("approvals"),
    "message": mark("messages"),
    "config": mark("configuration"),
}
"""What stands before the dot, as the page lets people choose it."""
