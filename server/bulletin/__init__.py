"""The bulletin: documents with versions, a log, a stream, acknowledgements, and how they are delivered.

    service.py           Bulletin: everything put together
    documents.py         Publish, Schedule, Withdraw; publishing what was scheduled
    reading.py           Get, List, ListVersions, ListScheduled
    stream.py            Subscribe
    acknowledgements.py  Acknowledge, ListAcknowledgements
    notices.py           notices of rule changes, made from bundles; guard.py holds activation back for their term
    checking.py          what is wrong with a request; rows.py makes messages of rows
    html.py, mail.py     Markdown as HTML, and as e-mail; feeds.py: Atom and JSON Feed
    deliveries.py        what is told to whom: the queue, its job, the dead letters
    receivers.py         who is told, receiver_file.py: by whose wish; webhooks.py and account.py tell them, network.py
                         keeps webhooks out of private networks

It stands on the registry (its store, log, jobs and transactions), which knows nothing of it.
"""
