"""What a policy would have said to the calls of the past: read them, take each down the gate's road, add up.

`reader` makes attempts of a file, `run` decides them at simulated time, `report` adds up, `verdicts` writes them out.
"""
