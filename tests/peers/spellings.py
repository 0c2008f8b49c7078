"""Owns stops as people and their keyboards write them, for every test that lets some arrive.

Knows no table of the product. Source: rules OPT-1 and OPT-2; attack row 31.
"""

from __future__ import annotations

STOPS = (
    "STOP", "Stop.", "  stop!!! ", "ＳＴＯＰ", "“stop” 🙏", "s\u200bt\u00adop", "𝐒𝐓𝐎𝐏", "ⓢⓣⓞⓟ", "stop\r\n",
    "(Unsubscribe)", "opt-out", "STOP ALL", "Arrêt !", "désinscrire", "¡Baja!", "stopp", "Cancellami…", "İPTAL",
    "Стоп", "ВІДПИСАТИСЯ", "Odhlásit", "إلغاء", "הסר!", "रोकें", "退订", "停止。", "수신거부", "từ chối",
)  # fmt: skip
