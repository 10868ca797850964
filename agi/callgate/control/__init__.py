"""Control: a hand on the calls that are up. One AMI link sees them; the guard, live control and reconciliation use it.

The call path needs none of this: without a link a call is held for all that it may last, and Asterisk ends it.
"""
