from typing import Any

import numpy as np
from numpy.typing import NDArray

def text_columns(source: Any) -> list[tuple[NDArray[np.uint8], NDArray[np.int64]]]: ...
