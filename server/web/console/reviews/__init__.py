"""The review queue: posts that the rules could not settle.

queue.py     the list, and taking the next one
one.py       a post with its evidence, and the decision
evidence.py  where evidence stands in a text
"""
