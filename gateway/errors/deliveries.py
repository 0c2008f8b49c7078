"""Owns the catalogue of codes that stand on messages and lines: why a text is not (yet) with its recipient.

Data only. The device layer decides which code an answer of the network has; here stands its page.
Source: 3GPP TS 24.011 Annex E-2, 23.040 §9.2.3.15, 27.005 §3.2.5.
"""

from __future__ import annotations

from gateway.errors.entry import Entry

# A table: one field a line would hide which entries are alike.
# fmt: off

DELIVERIES = (
    Entry(
        "expired", 300, None, "It was not worth sending any more",
        "valid_for_s passed before a line could send it.",
        ("The lines were down or busy.", "valid_for_s is short."),
        "Send it again if it still matters; a longer valid_for_s waits longer.",
    ),
    Entry(
        "approval_rejected", 400, None, "The text was not approved",
        "A person looked at it and said no.",
        ("See the note of the approver.",),
        "Change the text and send it again.",
    ),
    Entry(
        "device_not_ready", 500, None, "The device is not ready",
        "The modem or phone is there but cannot send now.",
        ("It is starting.", "The radio is off."),
        "It goes on by itself; gateway doctor shows what it waits for.",
    ),
    Entry(
        "sim_pin_required", 500, None, "The SIM wants its PIN",
        "The SIM is locked until its PIN is entered.",
        ("No pin is configured.", "The configured one is wrong."),
        "Set pin for this modem (3 tries left; we use one at most).",
    ),
    Entry(
        "sim_missing", 500, None, "No SIM",
        "The device sees no SIM card.",
        ("None is inserted.", "It sits badly or upside down."),
        "Insert it.",
    ),
    Entry(
        "not_registered", 500, None, "The SIM has no network",
        "The SIM is not registered with an operator.",
        ("No signal.", "Airplane mode.", "The SIM is not active, or may not roam here."),
        "Check signal and antenna, airplane mode, SIM active, roaming. Sends by itself once registered.",
    ),
    Entry(
        "no_credit", 500, None, "The network refused it; the SIM has probably no credit",
        "The operator refuses texts of this SIM in the way it does without credit.",
        ("The credit is used up.",),
        "Top up, then check the balance; waiting messages go on by themselves.",
    ),
    Entry(
        "barred", 500, None, "The operator does not let this SIM send",
        "Sending is blocked for this SIM.",
        ("Fair-use limits.", "SMS is not part of the contract."),
        "Ask the operator (SMS sending, fair use); other lines go on.",
    ),
    Entry(
        "sim_puk_required", 500, None, "The SIM is locked by wrong PINs",
        "Too many wrong PINs were entered somewhere.",
        ("A wrong PIN, three times.",),
        "Unlock it in a phone with the PUK from the operator.",
    ),
    Entry(
        "smsc_wrong", 500, None, "The SIM's message centre number is wrong",
        "The network does not know the message centre that the SIM names.",
        ("The SIM lost or never had it.",),
        "Set smsc to the operator's number.",
    ),
    Entry(
        "number_unassigned", 500, None, "The network says this number does not exist",
        "No subscriber has this number.",
        ("A mistyped or old number.",),
        "Check the number; it is not tried again.",
    ),
    Entry(
        "absent_subscriber", 500, None, "The phone was off or out of reach until the network gave up",
        "The message centre could not reach the phone for as long as the text was valid.",
        ("The phone is off.", "It has no signal."),
        "Try later: send it again.",
    ),
    Entry(
        "modem_silent", 500, None, "The modem does not answer",
        "Commands to the modem get no answer.",
        ("It hangs.", "Too little power from the USB port."),
        "We restart it; if it stays silent, unplug it for 10 s or give it a powered hub.",
    ),
    Entry(
        "phone_gone", 500, None, "Lost the phone",
        "The phone's link is broken.",
        ("Cable, charger or hub.", "The Wi-Fi, or the phone is off.", "The app was stopped.", "It was released."),
        "Check cable, charger, hub and Wi-Fi; it goes on by itself.",
    ),
    Entry(
        "phone_unauthorised", 500, None, "The phone does not trust this computer",
        "USB debugging was not allowed for this computer.",
        ("The question on the phone was not answered.",),
        "Unlock it, tap Allow, tick Always.",
    ),
    Entry(
        "phone_permission", 500, None, "The app may not send SMS",
        "Android has not granted the permission, or took it back.",
        ("It was denied or reset.",),
        "Over USB: gateway doctor SERIAL --fix; or on the phone: Settings → Apps → SMS line → Permissions → SMS.",
    ),
    Entry(
        "phone_cap", 500, None, "Android paused sending: too many texts in a short time",
        "Android limits how many parts an app may send: 30 in a minute, in older versions in 30 minutes.",
        ("A burst above the phone's cap.",),
        "Slow the line, or raise the cap over USB: gateway doctor SERIAL --fix.",
    ),
    Entry(
        "phone_stuck", 500, None, "The phone took the text and does not say what became of it",
        "The app handed the text to Android, and no answer came in time; it may have been sent.",
        ("Android asks on the phone's screen whether the app may send.", "The phone's radio hangs."),
        "Look at its screen: perhaps Android asks whether the app may send; gateway doctor SERIAL reads it over USB.",
    ),
    Entry(
        "port_denied", 500, None, "We may not open the modem",
        "The operating system refuses access to the serial port.",
        ("The user is not in the group dialout.",),
        "Add the user to the group that owns the port (often dialout) and sign in again.",
    ),
    Entry(
        "port_busy", 500, None, "Another program uses the modem",
        "The serial port is open elsewhere.",
        ("ModemManager, gammu or another gateway.",),
        "Stop that program or tell it to leave this modem alone.",
    ),
    Entry(
        "partly_sent", 500, None, "Only some parts were sent",
        "Some parts of a long text left and the others cannot follow.",
        ("A later part was refused.", "It was cancelled or expired in between."),
        "The recipient may see a piece; send the text again if it matters.",
    ),
    Entry(
        "unknown_cause", 500, None, "The network gave a reason we do not know",
        "The code is in network_code; we do not guess what it means.",
        ("A vendor's or operator's own code.",),
        "Look at the timeline; report it with the code and the modem's model.",
    ),
    Entry(
        "rejected_by_network", 500, None, "The network refused the text",
        "The message centre said no, for this text to this number.",
        ("The operator filters it.", "A closed service."),
        "Check number and text; the code is in network_code.",
    ),
    Entry(
        "undelivered", 500, None, "The network could not deliver it",
        "The message centre took the text and reports that it did not arrive.",
        ("The phone cannot take texts.", "The number is no mobile."),
        "Check the number; send it again later.",
    ),
    Entry(
        "in_doubt", 500, None, "We do not know whether it was sent",
        "Power, cable or silence after the text was handed over; it may have left.",
        ("The modem went away while sending.", "It never answered."),
        "Wait for a report, ask the recipient, then resolve it: sent, failed or resend (a second copy is"
        " possible).",
    ),
    Entry(
        "device_lost", 500, None, "The device went away while sending",
        "The link broke after the text was handed over, before the verdict came.",
        ("Cable or power.",),
        "Plug it in again; a late report settles it, or resolve it by hand.",
    ),
)
