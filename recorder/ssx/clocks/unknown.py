"""What stands for a time, a delay or a count that is not known."""

import numpy as np

NO_TIME = np.iinfo(np.int64).min
NO_DELAY = NO_TIME
NO_ORDINAL = -1
"""No trigger is known: ordinals count from 0."""
NO_DARK_N = -1
"""Not known how many triggers ago the light was: such counts begin at 0."""
