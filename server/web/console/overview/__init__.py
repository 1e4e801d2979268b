"""The console's first page: what happens now.

history.py  workers' counts, looked at every five seconds, as rates of the last fifteen minutes
charts.py   rates as SVG
page.py     the page, and the part of it that refreshes itself
"""
