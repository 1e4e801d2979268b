"""Rule sets: what is active, what was, what may come.

status.py      the page: status of each worker, history, candidates; upload, roll back
comparison.py  a candidate against the active rule set: notice, back-test; activation
shadow.py      what the rules on trial hit
"""
