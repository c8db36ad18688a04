"""`python -m workers`: the command line, as `retro` is."""

import gc

# Imports leave no garbage, and looking for it takes a sixth of their time; the command turns it on.
gc.disable()

from workers.cli import main  # noqa: E402

main()
