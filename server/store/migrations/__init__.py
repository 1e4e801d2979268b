"""Alembic's revisions of the store, oldest first by number. Each is frozen: none imports the present schema."""
