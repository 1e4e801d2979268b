"""Who may call what, and how much of it: behind the dispatcher's gate, whatever transport carries the calls.

roles.py      the table of roles and methods
keys.py       API keys in the registry's store
keyring.py    the keys as a server process holds them in memory
gate.py       AccessGate: credentials, role, deadline, quota
quotas.py     token buckets of callers
limits.py     shedding, and what grpcio is told about connections
waits.py      calls that wait for their caller, and when that ends
unread.py     answers that callers do not read
pool.py       the threads that answer calls
tls.py        certificates, reloaded without a restart
attempts.py   refused attempts at what changes the state, into the audit log
exposure.py   what may be listened on without TLS or keys
who.py        AccessService: for whom a caller is taken
service.py    AccessControl: all of it for one server process
"""
