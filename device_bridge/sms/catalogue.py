"""Owns title and hint of every problem that a device or network can cause, by its code in the catalogue.

Knows no number of a standard (``outcome_tables`` does) and no HTTP. ``sent`` and ``delivered`` are no
problems.
Source: the gateway's own catalogue of problem codes
"""

from __future__ import annotations

CATALOGUE: dict[str, tuple[str, str]] = {
    "absent_subscriber": (
        "The phone was off or out of reach",
        "Try later: Send again",
    ),
    "barred": (
        "The operator does not let this SIM send",
        "Ask the operator (SMS sending, fair use); other lines go on",
    ),
    "delivered": (
        "Delivered",
        "Nothing to do",
    ),
    "device_error": (
        "The modem refused a command that it should carry out",
        "Look at the evidence; gateway doctor shows what this modem can do",
    ),
    "device_lost": (
        "Lost the modem",
        "Check cable, power and hub; it goes on by itself when the modem is back",
    ),
    "device_not_ready": (
        "The device cannot send right now",
        "It goes on by itself once the device is ready; gateway doctor says what it waits for",
    ),
    "in_doubt": (
        "Nobody knows whether the network took it",
        "A delivery report settles it; until then decide with Resend, Confirm or Give up",
    ),
    "modem_silent": (
        "The modem does not answer",
        "We restart it; if it stays silent, unplug it for 10 s or give it a powered hub",
    ),
    "no_credit": (
        "The network refused it; the SIM has probably no credit",
        "Top up, then Check balance",
    ),
    "not_registered": (
        "The SIM has no network",
        "Check signal and antenna, airplane mode, SIM active, roaming. Sends by itself once registered",
    ),
    "number_unassigned": (
        "The network says this number does not exist",
        "Check the number; not tried again",
    ),
    "partly_sent": (
        "Only some parts of this text went out",
        "The recipient may see an incomplete text; send it again as a whole if it matters",
    ),
    "phone_cap": (
        "Android paused sending: too many texts in a short time",
        "Raise the cap over USB, or slow the line",
    ),
    "phone_gone": (
        "Lost the phone",
        "Check cable, charger and hub; goes on by itself",
    ),
    "phone_permission": (
        "The app may not send SMS",
        "Fix over USB, or: Settings → Apps → SMS line → Permissions → SMS",
    ),
    "phone_stuck": (
        "The phone took the text and does not say what became of it",
        "Look at its screen: perhaps Android asks whether the app may send; see gateway doctor",
    ),
    "phone_unauthorised": (
        "The phone does not trust this computer",
        "Unlock it, Allow, tick Always",
    ),
    "port_busy": (
        "Another program uses the modem",
        "Stop it, or let it ignore this modem; gateway doctor names it",
    ),
    "port_denied": (
        "We may not open the modem",
        "Add this user to the group that owns the port (often dialout), then log in again",
    ),
    "rejected_by_network": (
        "The network refused this text",
        "Look at the network's cause; another line or another wording may pass",
    ),
    "sent": (
        "The network has it already",
        "Nothing to do",
    ),
    "sim_missing": (
        "No SIM that works",
        "Insert it, or clean and reseat it",
    ),
    "sim_pin_required": (
        "The SIM wants its PIN",
        "Enter the PIN; we use one try at most",
    ),
    "sim_puk_required": (
        "The SIM is locked by wrong PINs",
        "Unlock it in a phone with the PUK from the operator",
    ),
    "smsc_wrong": (
        "The SIM's message centre number is wrong",
        "Set it to the operator's",
    ),
    "undelivered": (
        "The network could not deliver it",
        "Look at the network's cause; Send again if it makes sense",
    ),
    "unknown_cause": (
        "The network gave a reason we do not know",
        "Show evidence; report it with one click's redacted bundle",
    ),
}
