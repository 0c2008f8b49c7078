"""Owns how a form becomes values: its limits, the token that proves that one of our pages made it.

Knows no page.
Source: rules USR-7 (Origin is judged before; the token here); HTML (application/x-www-form-urlencoded).
"""

from __future__ import annotations

import hmac

from multidict import MultiDict

from gateway.errors import GatewayError
from gateway.http.call import Call

TOKEN = "form_token"  # noqa: S105  the name of a field


async def read_form(call: Call) -> MultiDict[str]:
    """Read the fields of a form, line breaks as LF, without its token.

    Raises:
        GatewayError: ``unsupported_media_type``, ``body_too_large``, ``malformed_http``, ``csrf_failed``.
    """
    fields = await call.form()
    found = MultiDict(
        (name, value.replace("\r\n", "\n")) for name, value in fields.items() if isinstance(value, str)
    )
    check_token(call, found.pop(TOKEN, ""))
    return found


def check_token(call: Call, given: str) -> None:
    """Let only forms of this session's own pages pass.

    Raises:
        GatewayError: ``csrf_failed``.
    """
    expected = call.session.form_token if call.session is not None else ""
    if not expected or not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass")):
        raise GatewayError(
            "csrf_failed",
            "This form is of another session. Load the page again and press the button once more.",
        )
