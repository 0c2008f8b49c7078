"""Owns how a batch comes in: rows of any source become messages, a hundred at a time, and the whole is let go at once.

Knows no HTTP and no SQL. Rows are composed in a thread of their own while the rows before them commit.
Source: the HTTP interface; rules API-3, CNT-3.
"""

from __future__ import annotations

from gateway.batches.asked import Addressee, AskedBatch, Problem, Texts
from gateway.batches.desk import BatchDesk
from gateway.batches.receiving import DryRun, Receiving

__all__ = ["Addressee", "AskedBatch", "BatchDesk", "DryRun", "Problem", "Receiving", "Texts"]
