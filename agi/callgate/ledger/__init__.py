"""The money: what calls may still cost, what is set aside for them, and what they did cost.

`base` and `revisions` are the contracts; `redis` is the real form, `memory` the model that the same tests hold it to.
"""
