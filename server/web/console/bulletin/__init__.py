"""The bulletin's desk.

documents.py   what is public and what is to come; one document with its versions and who accepted it
editor.py      a new version: written, previewed, published or scheduled
deliveries.py  what webhooks and the account were told
"""
