"""Where rule sets come from by themselves: a file, a folder, a URL.

reading.py   one look at a source: what is new there
polling.py   looking from time to time, and activating what is found
"""
