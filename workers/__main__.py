"""`python -m workers`: the command line, as `retro` is."""

from workers.entry import main

main()
