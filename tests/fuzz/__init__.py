"""Fuzzing: whatever comes in from outside, changed by a fuzzer that sees which code its changes reach.

`make fuzz` builds the extension with clang's AddressSanitizer and UBSan into build/fuzz (the installed one is not
touched) and gives each target its share of 60 seconds (SECONDS=600: ten minutes). atheris is the fuzzer: libFuzzer's
engine, with coverage of the C code by the compiler, and of the server by rewritten byte code.

texts    texts, well-formed or not, posts of several texts: all kernel paths, one post alone and the batch, Python's
         decoder and the reference say the same
patterns patterns and texts: compiled, stored, searched by all paths, by several threads, and by the definition
bundles  a rule set's or pattern set's bundle, its checksum made right again: InvalidBundle, or texts are
         judged or searched
wire     bytes of CheckPost, CheckPosts and StreamCheck requests: a ServiceError, or one result for each post, the same
         as for the post alone
columns  Arrow arrays through the C data interface: ValueError, or the texts that lie there; released once
standings a standing table: changes, as the reference makes them; a snapshot of it with bytes changed and the checksum
         made right again: InvalidSnapshot, or a table that can be used

Always: no finding of a sanitizer, no other exception, no input that takes 20 seconds or 2 GB.

A target is a module with `check(content)`, which raises when something does not hold, `seeds()`, inputs to start from,
and `WORDS`, bytes worth putting into an input. What a run learns stays in build/fuzz/corpus, and the next run starts
from it. An input that failed is kept in build/fuzz/findings; `make fuzz REPLAY=FILE` runs it alone. Once mended, it
becomes a case of tests/engine/test_fuzz_cases.py, which also runs every target's seeds in the ordinary build.
"""
