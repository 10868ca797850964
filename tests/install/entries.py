"""The ways out of the clinic whose dialplan these tests write."""

ENTRIES = {"callgate": "0", "nine": "9", "direct": ""}
"""Our sample's entry, one whose outside digit is 9, and one without any: every outside prefix of the truth file."""
