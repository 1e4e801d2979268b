"""The HTTP side: one child of the supervisor, which calls the services for whoever asks by HTTP.

child.py      from the supervisor's hello to the end
app.py        where routes are put together
site.py       what all pages have in common
services.py   the services, by gRPC, for a visitor, the holder of a key, or somebody identified here
clients.py    who asks: addresses behind proxies, hosts
headers.py    what browsers are told with every answer
forms.py      forms: read within bounds, and only from our own pages
limits.py     how much one client may ask for
rendering.py  pages from templates; catalogue.py: their messages
refusals.py   pages for what goes wrong
public/       the public pages and feeds
templates/, static/, messages/
"""
