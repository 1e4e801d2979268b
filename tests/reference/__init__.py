"""The whole judgement in plain Python, by its definitions and by nothing else: readable, slow, right.

It shares with the product only what defines the product: the fold tables, the vocabulary, and the rule
sources as `fairpost.rules` reads them. The engine is held equal to it by tests/engine/test_equivalence.py.

    folding      what a pattern sees of a text
    matching     where a pattern occurs
    index        anchors, and what a position of a text leads to
    recognisers  regular expressions over the recogniser view
    hits         lists, allow lists, positions of hits in symbols
    model        what the text model says
    conditions   what `when` and `unless` say
    verdict      scores, labels, action, exposure
"""
