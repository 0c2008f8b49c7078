"""Owns the SMS codec, sans-IO: octets and texts in, values and octets out, for modems and phones alike.

Knows no device, no clock, no randomness: references, stamps and numbers are passed in.
Source: 3GPP TS 23.038, 23.040, 24.011 and 27.005.
"""
