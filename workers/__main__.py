"""`python -m workers`: the command line, as `retro` is."""

from workers.cli import main

main()
