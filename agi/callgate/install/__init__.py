"""The installer's tools: what callgate writes for Asterisk."""
