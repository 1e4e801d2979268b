"""`python -m fairpost.cli`."""

from fairpost.cli import main

main()
