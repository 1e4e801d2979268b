from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.image import Image
from fairpost.engine.texts import Texts

def hit_columns(
    image: Image, spare: list[Any], texts: Texts, max_characters: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint16]]: ...
