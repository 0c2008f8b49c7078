"""Owns the examples of the description: a body for each route that takes one.

Data only; each is one that a server takes as it stands, with ids of its own in place of ``ID`` and ``DIGEST``. Numbers
are of the sandbox.
Source: the HTTP interface; a test sends every body to a real server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

ID: Final = "01935f0c-8a2b-7c3d-9e4f-5a6b7c8d9e0f"
"""Stands for the id of something that the reader has made before."""

DIGEST: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

Example = Mapping[str, Any]

BODIES: Final[Mapping[str, Example]] = {
    "Empty": {},
    "SendMessage": {
        "to": "+99900000001",
        "text": "Your parcel is here. Collect it until Friday.",
        "reference": "order-4711",
        "valid_for_s": 86_400,
        "tags": {"shop": "north"},
    },
    "PreviewMessage": {"text": "Price: 5 € – today only 🙂"},
    "PatchMessage": {"valid_for_s": 7_200},
    "Resolve": {"as": "sent"},
    "ReleasePhone": {"remove_app": False},
    "ExaminePhone": {"fix": False},
    "UnlockSim": {"pin": "1234"},
    "Repairing": {"may_reboot": False},
    "PutOff": {"days": 7},
    "PatchLine": {"label": "Office", "per_day": 200, "quiet_hours": "21:00-08:00"},
    "Ussd": {"code": "*100#"},
    "TestLine": {"send": False},
    "CreateBatch": {
        "name": "trip of 5B",
        "text": "Hi {name}, the bus leaves at {time}.",
        "recipients": [
            {"to": "+99900000001", "data": {"name": "Ann", "time": "8:15"}},
            {"to": "+99900000011", "data": {"name": "Ben", "time": "8:30"}},
        ],
        "tags": {"class": "5B"},
    },
    "Decide": {"digest": DIGEST, "note": "Looks right."},
    "SendNotification": {
        "recipient": {"phone": "+99900000001"},
        "notification": {"channels": ["sms"], "body": "Your appointment is tomorrow at 9:15."},
    },
    "SendNotifications": {
        "channels": ["sms"],
        "body": "Hi {name}, school is closed today.",
        "recipients": [{"phone": "+99900000001", "data": {"name": "Ann"}}],
    },
    "CreateTemplate": {
        "name": "pickup",
        "default_language": "en",
        "texts": {"en": "Hi {name}, your order is ready.", "de": "Hallo {name}, Ihre Bestellung ist da."},
    },
    "PatchTemplate": {
        "texts": {
            "en": "Hi {name}, your order is ready. We close at six.",
            "de": "Hallo {name}, Ihre Bestellung ist da. Wir schließen um sechs.",
        }
    },
    "PreviewTemplate": {"rows": [{"name": "Ann"}, {"name": "Maximiliane"}]},
    "CreateSchedule": {
        "rrule": "FREQ=WEEKLY;BYDAY=MO",
        "start": "2027-01-04T09:00:00",
        "timezone": "Europe/London",
        "message": {"to": "+99900000001", "text": "Bins go out tonight."},
    },
    "PatchSchedule": {"rrule": "FREQ=WEEKLY;BYDAY=TU"},
    "CreateWebhook": {
        "url": "http://127.0.0.1:9000/sms",
        "events": ["message.delivered", "message.received"],
    },
    "PatchWebhook": {"events": ["message.*"], "include_text": False},
    "CreateKey": {"name": "crm", "scopes": ["messages:send", "messages:read"]},
    "RotateKey": {"now": False},
    "CreateContact": {"name": "Ann", "number": "+99900000021", "language": "en", "groups": ["parents"]},
    "PatchContact": {"name": "Ann Smith"},
    "NameGroup": {"name": "class 5B"},
    "AddMembers": {"contacts": [ID]},
    "RecordConsent": {
        "number": "+99900000031",
        "purpose": "marketing",
        "source": "form at the counter",
    },
    "WithdrawConsent": {"source": "phone"},
    "Suppress": {"number": "+99900000041", "source": "phone", "note": "called the office"},
    "LiftSuppression": {"reason": "asked for texts again, by phone"},
    "SandboxText": {"from": "+99900000051", "to": "+99900010001", "text": "Where is my order?"},
}
"""By the name of the body's model."""

FILES: Final[Mapping[str, Mapping[str, str]]] = {
    "/api/v1/batches": {
        "text/csv": "number,name\n+99900000001,Ann\n+99900000011,Ben\n",
        "application/x-ndjson": '{"to":"+99900000001","data":{"name":"Ann"}}\n'
        '{"to":"+99900000011","data":{"name":"Ben"}}\n',
    },
    "/api/v1/contacts/import": {
        "text/csv": "name,number,group\nAnn,+99900000022,parents\n",
        "text/vcard": "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ben\r\nTEL:+99900000023\r\nEND:VCARD\r\n",
    },
}
"""By the route and media type; with ``?text=Hi {name}`` for a batch."""
