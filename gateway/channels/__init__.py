"""Carries notifications by other ways than SMS: e-mail, Slack, webhooks, and the services of apprise.

Refuses to know who is to be reached and what follows from a failure: an outlet gets one letter and says what became
of it. Source: RFC 5321 (SMTP), RFC 5322 (the letter), Standard Webhooks 1.0.0.
"""
