"""``python -m skdcca`` is the command ``skdcca``."""

import sys

from skdcca._cli import main

sys.exit(main())
