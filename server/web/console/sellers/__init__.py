"""Sellers: search, the file of one, and what is changed in it.

search.py      by name, id, standing; by number, which is in no address
file.py        record, standing, licences, timeline, complaints, appeals, reviewed posts
events.py      the log of a seller
decisions.py   events that a moderator records
records.py     registration, changes of the record, export and erasure of a person's data, acknowledgements
"""
