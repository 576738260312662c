"""``python -m cellstate.cli``: the command without its script."""

import sys

from cellstate.cli import main

if __name__ == "__main__":
    sys.exit(main())
