"""Calls, whatever carries them: what a call is, the table of all methods, and the one way from request to answer.

    call.py      Call, Method: what a transport gives, and what is served
    methods.py   the table of all methods of fairpost.v1
    dispatch.py  Dispatcher: observe, admit, limit, answer
    streams.py   Streams: how many are open, and how they end

A transport (grpcio in server/transport.py) turns its calls into these and the errors into its statuses; nothing is
decided there.
"""
