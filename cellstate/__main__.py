"""``python -m cellstate``: the command without its script, as torchrun starts it."""

import sys

from cellstate.cli import main

if __name__ == "__main__":
    sys.exit(main())
