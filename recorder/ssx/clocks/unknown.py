"""What stands for a time, a delay or a count that is not known."""

import numpy as np

NO_TIME = np.iinfo(np.int64).min
NO_DELAY = NO_TIME
NO_ORDINAL = -1
NO_DARK_N = -1
