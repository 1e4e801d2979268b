"""Ids of decisions: 26 characters, unique, sorted by time, cheap enough for one a post."""

class DecisionIds:
    def take(self, count: int) -> list[str]: ...
