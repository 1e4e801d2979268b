"""The desk of complaints and appeals.

complaints.py  the list with its clocks; one complaint and its steps
appeals.py     the list; one appeal, what it is against, the decision
"""
