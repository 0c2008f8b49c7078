"""Owns the AT language of modems, sans-IO: bytes in, typed events out; one builder and parser per command.

Knows no port, no loop and no clock: the caller brings bytes and decides how long to wait.
Source: ITU-T V.250; 3GPP TS 27.005 (messages) and 27.007 (everything else).
"""
