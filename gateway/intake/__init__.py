"""Owns what people upload and download as files: CSV, NDJSON, vCard and XLSX become rows, rows become CSV.

Refuses to know HTTP, the store and numbers: octets come in, rows, problems of rows and refusals go out. Nothing is
written to a disk, and a stream never is in memory whole.
Source: rules API-3, PRV-4; attack list rows 21 and 22.
"""
