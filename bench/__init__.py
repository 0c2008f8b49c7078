"""Owns the measurements: every figure that the product promises, each by a script that runs alone.

Knows the product only through its front doors; what is measured runs in processes of its own.
Source: `python -m bench` for all of them, `python -m bench.line` (lines16, post, growth, idle, start) for one.
"""
